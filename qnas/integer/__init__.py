"""The integer reference: `network.IntegerNetwork` computes a subnet in exact integer arithmetic;
`file` saves and loads it."""
