"""What principals may do: Cedar policies over the operation catalogue."""
