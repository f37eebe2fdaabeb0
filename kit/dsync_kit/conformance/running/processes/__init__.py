"""The processes that judge a connector, and the one that owns them: so a connector that crashes gets a verdict, too."""
