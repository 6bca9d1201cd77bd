"""What the cases of the scorer share: folders of models, texts, the naive way, and the CUDA part."""
