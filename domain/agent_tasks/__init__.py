"""Tasks that a lead agent, or a person, gives to this service: the one contract behind every door."""
