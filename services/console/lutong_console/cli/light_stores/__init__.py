"""lutong light-stores: a brand's template, and what becomes of its stores."""
