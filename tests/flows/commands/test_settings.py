"""The three doors of the configuration, their precedence, and the one line said when something is wrong."""

import tomllib
from datetime import date
from pathlib import Path

import pytest
from pydantic import ValidationError

from flows.commands.settings import PRESETS, check_train, knobs, preset_names, preset_path, resolve, resolve_refresh
from tasks.align.settings import AlignConfig
from tasks.checkout import CHECKOUT
from tasks.config import PipelineConfig, RefreshConfig
from tasks.errors import RequestError
from tasks.finetune.settings import FinetuneConfig
from tasks.pretrain.settings import PretrainConfig

RANK_8 = ["--finetune.model", "mean", "--finetune.network.embedding", "low_rank", "--finetune.network.embedding-rank", "8"]


def test_without_a_word_the_sample_is_trained() -> None:
    config = resolve([])
    assert config.name == "sample"
    assert config.ingest.path == CHECKOUT / "data" / "sample"


def test_a_corpus_alone_takes_the_defaults_and_its_own_name(tmp_path: Path) -> None:
    config = resolve(["--ingest.path", str(tmp_path / "My reviews.csv")])
    assert config.name == "My-reviews"
    assert config.finetune == FinetuneConfig()


def test_command_line_beats_environment_beats_file_beats_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "run.toml"
    finetune = '[finetune]\nmodel = "cnn"\nepochs = 2\n[finetune.network]\ndropout = 0.2\nbatch_size = 8\n'
    file.write_text(f'name = "file"\n{finetune}[ingest]\npath = "corpus"\n')
    monkeypatch.setenv("TEXTMILL_FINETUNE__NETWORK__DROPOUT", "0.3")
    monkeypatch.setenv("TEXTMILL_FINETUNE__NETWORK__BATCH_SIZE", "16")
    config = resolve(["--finetune.network.batch-size", "32"], file=file)
    assert (config.finetune.epochs, config.finetune.network.dropout, config.finetune.network.batch_size) == (2, 0.3, 32)
    assert config.name == "file"
    assert config.ingest.path == tmp_path / "corpus"


def test_values_keep_their_commas_spaces_and_brackets(tmp_path: Path) -> None:
    arguments = ["--ingest.path", str(tmp_path / "a,b [1].csv"), "--ingest.delimiter", ",", "--ingest.label", "null"]
    config = resolve(arguments)
    assert config.ingest.path == tmp_path / "a,b [1].csv"
    assert (config.ingest.delimiter, config.ingest.label) == (",", "null")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--pretrain.dim", "9"],
        ["--pretrain.dim", "4", "--align.second", "a.vec"],
        ["--align.vectors", "a.vec"],
        ["--align.vectors", "a.vec", "--align.second", "b.vec", "--align.join", "fill"],
    ],
)
def test_a_rank_is_not_refused_where_the_vectors_may_have_more_dimensions(arguments: list[str]) -> None:
    assert resolve([*RANK_8, *arguments]).finetune.network.embedding_rank == 8


def test_words_and_paths_share_the_stop_word_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert resolve(["--prepare.stop-words", "english"]).prepare.stop_words == "english"
    assert resolve(["--prepare.stop-words", "mine.txt"]).prepare.stop_words == tmp_path / "mine.txt"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--finetune.epoch", "3"], ["--finetune.epoch", "did you mean --finetune.epochs"]),
        (["--finetune.epochs", "0"], ["--finetune.epochs '0'", "greater than or equal to 1"]),
        (
            ["--finetune.bag", "3"],
            ["--finetune.bag 3: it is a section of settings; give one of them, such as --finetune.bag.epochs"],
        ),
        (["--finetune.bag.learning-rate", "5"], ["did you mean --finetune.bag.lr?"]),
        (["--finetune.epochs"], ["--finetune.epochs", "expected one argument"]),
        (["--finetune.model", "bag+cnnn"], ["unknown model 'cnnn'", "bilstm"]),
        (["--finetune.model", "bag+fasttext"], ["cannot be part of a sum"]),
        (["--pretrain.minn", "7"], ["minn 7 is larger than maxn 6"]),
        (
            ["--align.vectors", "a.vec", "--finetune.model", "bag+ca"],
            ["align.vectors is for models that read word vectors, not bag+ca; set finetune.model to mean, cnn, bilstm or"],
        ),
        (["--align.second", "a.vec", "--finetune.model", "tfidf"], ["align.second is for models", "not tfidf"]),
        (
            ["--align.second", "a.vec", "--finetune.model", "cnn", "--pretrain.enabled", "false"],
            ["align.second joins other vectors, and there are none; give these as align.vectors"],
        ),
        (
            [*RANK_8, "--pretrain.dim", "8"],
            ["--finetune.network.embedding-rank 8 is not below the 8 dimensions of the vectors; lower it"],
        ),
        ([*RANK_8, "--pretrain.enabled", "false", "--align.dim", "5"], ["not below the 5 dimensions"]),
        ([*RANK_8, "--pretrain.dim", "6", "--align.second", "a.vec", "--align.join", "fill"], ["not below the 6 dimensions"]),
        (["--ingest.encoding", "utf-9"], ["unknown encoding 'utf-9'", "cp1252"]),
        (["--name", "a/b"], ["not a valid name for a model"]),
        (["surplus"], ["surplus"]),
    ],
)
def test_a_wrong_option_is_named_with_its_remedy(arguments: list[str], words: list[str]) -> None:
    with pytest.raises(RequestError) as error:
        resolve(arguments)
    for word in words:
        assert word in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("-dim", "--pretrain.dim or --finetune.fasttext.dim"),
        ("--dim", "--pretrain.dim or --finetune.fasttext.dim"),
        ("-minCount", "--pretrain.min-count or --finetune.bag.min-documents"),
        ("-wordNgrams", "--finetune.ngrams"),
        ("-lr", "--pretrain.lr or --finetune.network.lr or --finetune.fasttext.lr"),
        ("-epoch", "--pretrain.epoch or --finetune.fasttext.epoch"),
        ("-thread", "--pretrain.threads or --finetune.threads"),
        ("-bucket", "--pretrain.bucket"),
        ("-t", "--pretrain.t"),
        ("-pretrainedVectors", "--align.vectors"),
        ("--pretrain.minCount", "--pretrain.min-count"),
        ("--pretrain.wordNgrams", "--finetune.ngrams"),
        ("--finetune.dim", "--finetune.fasttext.dim"),
        ("--epochs", "--finetune.epochs or --finetune.bag.epochs or --finetune.encoder.epochs"),
        ("--punctuation", "--prepare.punctuation"),
        ("--ingest-path", "--ingest.path"),
        ("--finetune.bag-rate", "--finetune.bag.lr"),
    ],
)
def test_an_unknown_option_is_answered_with_the_knob_that_it_means(word: str, meant: str) -> None:
    with pytest.raises(RequestError, match=rf"unknown option {word}; did you mean {meant}\?"):
        resolve([word, "5"])


def test_fasttexts_words_in_a_file_are_answered_in_the_files_spelling(tmp_path: Path) -> None:
    (file := tmp_path / "run.toml").write_text("[pretrain]\nwordNgrams = 2\n")
    with pytest.raises(RequestError, match=r"pretrain.wordNgrams is not a setting; did you mean finetune.ngrams\?"):
        resolve([], file=file)


def test_a_name_of_the_hub_stays_a_name_and_a_folder_becomes_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for given, expected in (("desk/tiny@main", "desk/tiny@main"), ("weights/tiny", tmp_path / "weights/tiny")):
        config = resolve(["--finetune.model", "encoder", "--finetune.encoder.model", given], preset="sample")
        assert config.finetune.encoder.model == expected


def test_another_model_than_the_presets_goes_without_the_settings_of_that() -> None:
    config = resolve(["--finetune.model", "tfidf"], preset="imdb")
    assert (config.finetune.model, config.finetune.tfidf.c, config.prepare.punctuation) == ("tfidf", 30.0, "keep")
    assert (config.finetune.bag, config.pretrain, config.align) == (None, PretrainConfig(), AlignConfig())
    config = resolve(["--pretrain.enabled", "false"], preset="imdb")
    assert config.pretrain == PretrainConfig(enabled=False)
    assert config.finetune.bag.epochs == 2


def test_what_is_asked_for_beside_a_preset_is_refused_where_it_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RequestError, match=r"finetune.bag.epochs 2 is for bag, not tfidf"):
        resolve(["--finetune.model", "tfidf", "--finetune.bag.epochs", "2"], preset="imdb")
    monkeypatch.setenv("TEXTMILL_PRETRAIN__EPOCH", "2")
    with pytest.raises(RequestError, match=r"TEXTMILL_PRETRAIN__EPOCH 2 is for models that read word vectors, not tfidf"):
        resolve(["--finetune.model", "tfidf"], preset="imdb")


def test_a_files_own_mistake_is_refused_whatever_is_given_beside_it(tmp_path: Path) -> None:
    (file := tmp_path / "run.toml").write_text('[finetune]\nmodel = "bag"\nca_rounds = 5\nbag_lr = 0.01\n')
    for arguments in ([], ["--finetune.model", "tfidf"]):
        with pytest.raises(RequestError, match=r"finetune.ca.rounds 5 is for ca"):
            resolve(arguments, file=file)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name = ", "is not TOML"),
        ("[ingest]\n路径 = 'a'", 'line 2 in quotes: "路径"'),
        ("[finetune]\nepoch = 3\n", "finetune.epoch is not a setting; did you mean finetune.epochs"),
        ("[finetune]\nepochs = 'many'\n", "run.toml: finetune.epochs 'many'"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "run.toml"
    file.write_text(text)
    with pytest.raises(RequestError) as error:
        resolve([], file=file)
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("flag", "value", "words"),
    [
        ("--ingest.path", "~nobody-of-that-name/news", "no such home folder"),
        ("--collect.source", "~nobody-of-that-name/news", "no such home folder"),
        ("--ingest.path", "caf\udce9", "is not UTF-8"),
        ("--finetune.epochs", "9" * 5000, "--finetune.epochs '999"),
        ("--finetune.epochs\x85", "1", "unknown option --finetune.epochs"),
    ],
)
def test_a_value_that_cannot_be_stored_or_shown_is_told_in_one_short_line(flag: str, value: str, words: str) -> None:
    door = resolve_refresh if flag.startswith("--collect") else resolve
    with pytest.raises(RequestError, match=words) as told:
        door([flag, value])
    assert len(str(told.value).splitlines()) == 1
    assert len(str(told.value)) < 400


def test_unknown_preset_missing_file_and_both_at_once(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"unknown preset 'imbd'.*did you mean imdb"):
        resolve([], preset="imbd")
    with pytest.raises(RequestError, match="no configuration file"):
        resolve([], file=tmp_path / "absent.toml")
    with pytest.raises(RequestError, match="choose one"):
        resolve([], preset="imdb", file=tmp_path / "x.toml")


def test_an_unknown_environment_name_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXTMILL_FINETUNE__EPOCH", "3")
    with pytest.raises(RequestError, match="TEXTMILL_FINETUNE__EPOCH; did you mean TEXTMILL_FINETUNE__EPOCHS"):
        resolve([])


def test_every_knob_has_a_description_and_a_type() -> None:
    rows = list(knobs())
    assert len(rows) > 80
    for flag, kind, _, description in rows:
        assert kind, flag
        assert description.endswith("."), flag


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_resolves_and_says_what_it_changes(name: str) -> None:
    config = resolve([], preset=name)
    written = tomllib.loads((PRESETS / f"{name}.toml").read_text())
    assert config.name == name
    default = PipelineConfig()
    for section, values in written.items():
        if isinstance(values, dict):
            unneeded = [knob for knob, value in values.items() if getattr(getattr(default, section), knob) == value]
            assert not unneeded, f"{name} sets {section}.{unneeded} to the default"


def test_the_configuration_cannot_be_changed() -> None:
    config = resolve([])
    with pytest.raises(ValidationError):
        config.finetune.epochs = 9  # type: ignore[misc]


def test_a_refresh_comes_through_the_same_doors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TEXTMILL_DETECT__WINDOW_DAYS", "5")
    monkeypatch.setenv("TEXTMILL_FINETUNE__EPOCHS", "3")  # of the other flow
    file = tmp_path / "desk.toml"
    file.write_text('[collect]\ntext = "body"\ntime = "when"\n[detect]\nwindow_days = 3\n')
    arguments = [
        "--collect.source",
        "in/*.csv",
        "--score.topics",
        "topic@champion,region@champion",
        "--collect.since",
        "2020-01-31",
    ]
    config = resolve_refresh(arguments, file=file)
    assert (config.collect.text, config.collect.source, config.name) == ("body", str(tmp_path / "in/*.csv"), "in")
    assert config.score.topics == ("topic@champion", "region@champion")
    assert config.collect.since == date(2020, 1, 31)
    assert config.detect.window_days == 5
    assert resolve_refresh([], preset="headlines").name == "headlines"


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("/a/My inbox/", "My-inbox"),
        ("https://x.org/rss/news.xml?token=secret", "news"),
        ("s3://bucket/in/*.csv", "in"),
        ("/", "monitor"),
    ],
)
def test_a_monitor_is_named_for_its_source(source: str, name: str) -> None:
    assert resolve_refresh(["--collect.source", source]).name == name


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--collect.surce", "x"], ["unknown option --collect.surce", "--collect.source", "textmill refresh --help"]),
        (["--collect.timezone", "Mars"], ["--collect.timezone 'Mars'", "Europe/London"]),
        (["--collect.name", "a/b"], ["not a valid name for a model or monitor"]),
        (["--collect.source", "https://me:word@x.org/feed"], ["--collect: the source must hold no user or password"]),
        (["--collect.source", "x", "--collect.query", "y"], ["choose one"]),
        (["--collect.query", "SELECT 1"], ["database_variable or database_file"]),
        (["--collect.since", "2020-02-01", "--collect.until", "2020-01-01"], ["is after until"]),
    ],
)
def test_a_wrong_refresh_is_told_in_one_line(arguments: list[str], parts: list[str]) -> None:
    with pytest.raises(RequestError) as told:
        resolve_refresh(arguments)
    assert "\n" not in str(told.value)
    for part in parts:
        assert part in str(told.value)


@pytest.mark.parametrize("name", preset_names(RefreshConfig))
def test_every_preset_of_refresh_is_valid_and_says_what_it_is(name: str) -> None:
    assert resolve_refresh([], preset=name).name == name
    assert preset_path(name, RefreshConfig).read_text(encoding="utf-8").startswith("# ")


@pytest.mark.parametrize("name", ["desk.watch", "x" * 95])
def test_a_name_that_its_watchdog_cannot_share_is_refused(name: str) -> None:
    with pytest.raises(RequestError, match=r"do not end in \.watch") as refused:
        resolve_refresh(["--collect.name", name])
    assert "\n" not in str(refused.value)
    assert resolve_refresh(["--collect.name", "x" * 94]).name == "x" * 94


def test_a_source_in_a_file_is_relative_to_that_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "etc").mkdir()
    file = tmp_path / "etc/desk.toml"
    file.write_text('[collect]\nsource = "inbox"\n')
    monkeypatch.chdir(tmp_path)
    assert resolve_refresh([], file=file).collect.source == str(tmp_path / "etc/inbox")
    assert resolve_refresh(["--collect.source", "inbox"], file=file).collect.source == str(tmp_path / "inbox")
    file.write_text('[collect]\nsource = "https://example.org/a/../feed"\n')
    assert resolve_refresh([], file=file).collect.source == "https://example.org/a/../feed"


def test_a_password_in_a_url_is_refused_before_anything_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = [
        lambda: resolve(["--runtime.tracking-uri", "http://me:s3cret@127.0.0.1:5000"]),
        lambda: resolve_refresh(["--collect.source", "https://me:s3cret@news.example/feed"]),
    ]
    for ask in asked:
        with pytest.raises(RequestError, match="password") as refused:
            ask()
        assert "s3cret" not in str(refused.value)
    monkeypatch.setenv("TEXTMILL_RUNTIME__TRACKING_URI", "http://me:s3cret@127.0.0.1:5000")
    with pytest.raises(RequestError, match="TEXTMILL_RUNTIME__TRACKING_URI holds a password"):
        resolve([])


@pytest.mark.parametrize("given", [["-0.1,0.1"], ["=-0.1,0.1"]])
def test_a_list_may_begin_with_a_negative_number(given: list[str], tmp_path: Path) -> None:
    flag = "--ingest.label-bins"
    arguments = [flag + given[0]] if given[0].startswith("=") else [flag, *given]
    config = resolve(["--ingest.path", str(tmp_path), *arguments, "--ingest.label-check", "off"])
    assert config.ingest.label_bins == (-0.1, 0.1)
    assert config.ingest.label_check is False


def test_bins_of_labels_can_be_in_a_file_and_in_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "run.toml"
    file.write_text('[ingest]\npath = "corpus"\nlabel_bins = [-0.1, 0.1]\nlabel_bin_names = ["down", "flat", "up"]\n')
    assert resolve([], file=file).ingest.label_bin_names == ("down", "flat", "up")
    monkeypatch.setenv("TEXTMILL_INGEST__LABEL_BINS", "[1.5]")
    assert resolve(["--ingest.path", str(tmp_path)]).ingest.label_bins == (1.5,)


@pytest.mark.parametrize("flag", ["--prepare.stop-words", "--ingest.label-names"])
def test_a_file_of_words_that_is_not_utf_8_is_named_before_anything_starts(tmp_path: Path, flag: str) -> None:
    (tmp_path / "words.txt").write_bytes("公司\n利润\n增长\n".encode("gb18030"))
    (tmp_path / "a.csv").write_text("text,label\na,0\nb,1\n")
    config = resolve(["--ingest.path", str(tmp_path / "a.csv"), flag, str(tmp_path / "words.txt")])
    with pytest.raises(RequestError, match=rf"{flag}.*words\.txt: byte 0 is not (UTF|utf)-8; it reads as gb18030 \('公司'\)"):
        check_train(config)


@pytest.mark.parametrize("door", ["flag", "file", "environment"])
def test_settings_as_version_0_1_spelt_them_are_taken_at_every_door(
    door: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    arguments = ["--ingest.path", str(tmp_path), "--finetune.model", "bag+cnn"]
    (file := tmp_path / "run.toml").write_text(
        "[finetune]\nbag_lr = 0.07\nwidths = [2, 3]\nhidden = 7\n" if door == "file" else "name = 'x'\n"
    )
    if door == "flag":
        arguments += ["--finetune.bag-lr", "0.07", "--finetune.widths=2,3", "--finetune.hidden", "7"]
    if door == "environment":
        monkeypatch.setenv("TEXTMILL_FINETUNE__BAG_LR", "0.07")
        monkeypatch.setenv("TEXTMILL_FINETUNE__WIDTHS", "[2, 3]")
        monkeypatch.setenv("TEXTMILL_FINETUNE__HIDDEN", "7")
    finetune = resolve(arguments, file=file).finetune
    assert (finetune.bag.lr, finetune.cnn.widths, finetune.cnn.filters) == (0.07, (2, 3), 7)
    for old, section, new in (("bag_lr", "bag", "lr"), ("widths", "cnn", "widths"), ("hidden", "cnn", "filters")):
        said = {
            "flag": f"--finetune.{old.replace('_', '-')} is now --finetune.{section}.{new}",
            "file": f"finetune.{old} is now finetune.{section}.{new}",
            "environment": f"TEXTMILL_FINETUNE__{old} is now TEXTMILL_FINETUNE__{section}__{new}".upper().replace(
                "IS NOW", "is now"
            ),
        }
        assert f"{said[door]}; the old name is taken until the next release" in caplog.text


def test_the_doors_keep_their_order_whichever_names_they_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (file := tmp_path / "run.toml").write_text('[finetune]\nmodel = "bag"\n[finetune.bag]\nlr = 0.3\n')
    assert resolve(["--finetune.bag-lr", "0.05"], file=file).finetune.bag.lr == 0.05
    assert resolve(["--finetune.batch-size", "16"], preset="sample").finetune.network.batch_size == 16
    monkeypatch.setenv("TEXTMILL_FINETUNE__BAG_LR", "0.1")
    assert resolve([], file=file).finetune.bag.lr == 0.1
    assert resolve(["--finetune.bag.lr", "0.05"], file=file).finetune.bag.lr == 0.05
    monkeypatch.delenv("TEXTMILL_FINETUNE__BAG_LR")
    monkeypatch.setenv("TEXTMILL_FINETUNE__BAG__LR", "0.1")
    assert resolve(["--finetune.bag-lr", "0.05"], file=file).finetune.bag.lr == 0.05


def test_a_setting_that_one_door_gives_by_both_names_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = ["--ingest.path", str(tmp_path), "--finetune.model", "bag"]
    both = r"--finetune\.bag-lr and --finetune\.bag\.lr are the same setting, and both are given; keep the second"
    with pytest.raises(RequestError, match=both):
        resolve([*corpus, "--finetune.bag-lr", "0.05", "--finetune.bag.lr", "0.06"])
    (file := tmp_path / "run.toml").write_text('[finetune]\nmodel = "ca"\nca_rounds = 5\n[finetune.ca]\nrounds = 7\n')
    with pytest.raises(RequestError, match=r"ca_rounds and ca\.rounds are the same setting"):
        resolve([], file=file)
    with pytest.raises(RequestError, match=r"--finetune\.bag-lr needs a value"):
        resolve([*corpus, "--finetune.bag-lr"])
    monkeypatch.setenv("TEXTMILL_FINETUNE__BAG_LR", "0.1")
    monkeypatch.setenv("TEXTMILL_FINETUNE__BAG__LR", "0.2")
    with pytest.raises(RequestError, match=r"TEXTMILL_FINETUNE__BAG_LR and TEXTMILL_FINETUNE__BAG__LR are the same setting"):
        resolve(corpus)
