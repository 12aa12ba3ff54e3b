"""What the experiments that train networks share: `train-mlp`, `train-cnn`, `lr-find`, `baseline`.

A config lists `variants`; a variant with a seed is a member; members of one shape are a group
(`member_groups`), which trains as one `BatchedModule` (`fitting`) and is evaluated member by member
(`outcome`). `prepared` checks and builds all of that before the work.
"""
