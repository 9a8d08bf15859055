"""Services without goods: a utility bill, a provident fund. Their merchant does them; there is no stock, no store and no slot."""
