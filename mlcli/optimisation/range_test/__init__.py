"""The range test of section 7.4: what a curve of loss against growing learning rate says."""
