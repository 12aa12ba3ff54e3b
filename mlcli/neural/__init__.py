"""Networks in PyTorch whose members train together. No other package imports torch.

From the bottom up: `activations`, `initialisation` and `losses`; `BatchedModule`, the base of `MLP`
and `CNN`; `batches`, `optimisers`, `schedules` and `training`; `evaluation`, `layer_statistics`,
`mean_field` and `range_test`; `restored` and `torchscript` for trained networks.
"""
