"""What commands print: text made safe, the standard streams, the console. It imports no other part of the kit."""
