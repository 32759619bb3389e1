"""The use cases, and the one function that builds every object once. The room knows neither gradio nor fastapi."""
