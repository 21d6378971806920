"""Every setting: its name, its default, and one sentence."""
