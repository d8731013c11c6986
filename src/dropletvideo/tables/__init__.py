"""The table machinery: catalog, parts, decode plan, runner, lock."""
