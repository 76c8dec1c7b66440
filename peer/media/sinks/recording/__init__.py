"""Recordings: encoded anew, or as the partner coded them."""
