"""Fine-tuning: one file a task, and what all tasks share: `Task`, metrics, `finetune`, `predict`, and their reports."""

from .annotations import (
    AnnotationError,
    hash_summary,
    list_held_out_titles,
    read_determiners_test,
    read_names_test,
    read_reading_test,
    split_words_and_tags,
)
from .base import Split, Task, compute_class_weights, split_examples
from .classification import Classification, LabelledText, read_labelled_texts, score_classes
from .finetuning import (
    check_data,
    draw_report,
    finetune,
    freeze_layers,
    load_task_model,
    make_task,
    read_data,
    scale_learning_rates,
)
from .hub import read_hub_examples
from .inputs import find_input_file, list_given, read_inputs
from .intervals import bootstrap_scores
from .metrics import (
    answer_f1,
    compute_bleu,
    compute_chrf,
    compute_rouge_l,
    count_ngrams,
    detect_scheme,
    exact_match,
    find_entities,
    measure_calibration,
    normalize_answer,
    recall_at,
    resample_interval,
    score_entities,
    to_iob1,
    to_iob2,
)
from .multilabel import MultiLabel, MultiLabelText, read_multilabel_texts
from .named import (
    NAMED,
    TASKS,
    find_task,
    load_bibles,
    load_names,
    load_parts_of_speech,
    load_replies,
    load_scores,
    load_sentiment,
    load_titles,
    load_topics,
)
from .perceptron import PerceptronTagger, fit_perceptron
from .plain_texts import PlainTexts
from .plans import FinetunePlan
from .prediction import (
    check_output_file,
    check_predict_options,
    load_predictor,
    predict,
    predict_inputs,
    print_predictions,
    write_predictions,
)
from .reading import (
    Reading,
    answer_by_overlap,
    find_answer_tokens,
    find_best_spans,
    find_best_threshold,
)
from .regression import Regression, ScoredText, read_scored_texts
from .replies import ReplyChoice, ReplyMatching, find_rank
from .report import format_scores, gather_seeds, read_recorded_runs
from .rows import PaddingCollate, count_row_tokens, run_model
from .silver.names import collect_known_names, list_open_articles, make_silver_names, tag_names
from .silver.questions import draw_questions, get_rule, make_silver_questions, split_rules
from .squad import Question, parse_articles, read_questions
from .tables import BadRows, BadRowsError
from .tagging import TaggedSentence, Tagging, read_tagged_sentences, tag_by_dictionary
from .words import split_words_and_punctuation
from .writing import EncoderDecoderCollate, TextPair, Writing, read_text_pairs
