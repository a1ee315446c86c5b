"""Storage of studies: `journal` on disk, `shared` between machines, `leases` of slots."""
