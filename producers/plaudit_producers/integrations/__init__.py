"""Record the calls that other libraries make. Nothing here raises into its host."""
