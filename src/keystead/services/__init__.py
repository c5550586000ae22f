"""What gets done. Services know no protocol; only the gate calls them."""
