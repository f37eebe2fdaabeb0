"""The document schema: what it says, how it is read and printed, and which values it leaves."""
