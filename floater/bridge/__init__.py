"""The API as JSON lines and as TypeScript types, between the faces and the client."""
