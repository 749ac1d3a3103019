"""Django's database engine for PostgreSQL, over connections that do not wait for ever."""
