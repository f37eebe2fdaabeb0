"""dsync's `/dev/null`: a sink that takes everything and keeps nothing."""
