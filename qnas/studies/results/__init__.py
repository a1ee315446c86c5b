"""Results of a search: `front`, `picks`, `selection` by requirements, `importance` of genes."""
