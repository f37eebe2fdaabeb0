"""What commands print: text made safe, the standard streams, the console. Loads nothing of ours."""
