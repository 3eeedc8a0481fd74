"""Gemini, fine-tuned on Vertex AI.

tuning      files to Cloud Storage, one job however often it is begun, and its end
lines       training and validation lines in Google's format, within its limits
job         looked up by its name before it is made, then watched
"""
