"""The status engine beside other ways to build it: the same load, the same folds, judged by one oracle."""
