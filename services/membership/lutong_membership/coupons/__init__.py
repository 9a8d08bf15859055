"""Coupons: issued on signature, reserved by an order, redeemed or returned."""
