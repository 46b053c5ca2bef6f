"""The custom resources as pydantic models, and the generator that writes their CRDs. Nothing here knows of NATS."""
