"""Everything that happened with one member, in one list."""
