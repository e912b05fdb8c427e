"""Real boards over a wire: what runs there is in ``devicefarm/agent``."""
