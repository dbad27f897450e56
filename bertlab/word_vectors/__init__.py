"""What notebook 02 compares: one vector for each word (skip-gram), one for each use of a word (a biLM, BERT), and how
well each tells the senses of a word apart. `bench/senses.py` judges them all."""
