"""Networks that turn pictures into numbers, frozen: what heads are trained on.

opening     by name: the bundled one, a file, a folder, a hub, a service
backbone    one ONNX graph from bytes to numbers         · street, encoder: where graphs come from
hub         a hub of models, or a folder like one        · weights, network, conversion: from torch
embedding   the numbers of many rows, each computed once · service: asked of an embedding model
"""
