"""The reference connector: a correct source and sink in memory."""
