"""Small helpers of every other room: `serialization`, `files`, `extensions`, `units`, `cache`."""
