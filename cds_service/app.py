"""create_app(): the one place where the parts are put together."""
