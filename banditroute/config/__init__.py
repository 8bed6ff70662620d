"""The configuration: one TOML file and environment variables, read once into frozen settings."""
