"""The routes and their OpenAPI document."""
