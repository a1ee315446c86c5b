"""Worker processes of a search: `pool.open_pool` starts them, `search_loop` is their work."""
