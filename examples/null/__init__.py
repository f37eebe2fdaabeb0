"""dsync's `/dev/null`: a sink that accepts everything and keeps nothing."""
