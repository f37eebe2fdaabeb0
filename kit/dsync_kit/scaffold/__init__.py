"""Renders connectors from the template, all or nothing."""
