"""Models, weights and datasets for training."""

from __future__ import annotations

from .idiom import Idiom, group, reads, writes

__all__ = ["EXCLUDED", "IDIOMS"]

EXCLUDED = {
    "from_pretrained and load_dataset of the Hugging Face hub": "they need the internet",
    "fetch_openml, fetch_20newsgroups …": "they need the internet",
}
"""What is not among the idioms, and why."""

TORCH = group(
    "torch, safetensors",
    Idiom(
        "torch.load",
        "torch",
        "torch.load('weights.pt')",
        (reads("weights.pt", via="torch.load"),),
        in_notes=True,
    ),
    Idiom(
        "torch.load, mapped",
        "torch",
        "torch.load('weights.pt', mmap=True)",
        (reads("weights.pt", via="torch.load"),),
    ),
    Idiom(
        "torch.load of an open file",
        "torch",
        "torch.load(open('weights.pt', 'rb'))",
        (reads("weights.pt"),),
    ),
    Idiom(
        "torch.save",
        "torch",
        "torch.save(torch.ones(3), 'out/a.pt')",
        (writes("out/a.pt", via="torch.save"),),
    ),
    Idiom(
        "torch.jit.load",
        "torch",
        "torch.jit.load('script.pt')",
        (reads("script.pt"),),
    ),
    Idiom(
        "torch.from_file",
        "torch",
        "torch.from_file('numbers.bin', size=4)",
        (reads("numbers.bin"),),
    ),
    Idiom(
        "DataLoader with workers",
        "torch",
        """
        import pathlib
        class Texts(torch.utils.data.Dataset):
            names = ['people.csv', 'text.txt']
            def __len__(self):
                return 2
            def __getitem__(self, place):
                return len(pathlib.Path(self.names[place]).read_text())
        list(torch.utils.data.DataLoader(Texts(), num_workers=2))
        """,
        (reads("people.csv"), reads("text.txt")),
        incidental=("unix://*", "file:///tmp/pymp-*"),
    ),
    Idiom(
        "safetensors.torch.load_file",
        "safetensors",
        "from safetensors.torch import load_file; load_file('weights.safetensors')",
        (reads("weights.safetensors", via="safetensors.*"),),
        needs=("safetensors",),
        in_notes=True,
    ),
    Idiom(
        "safetensors.numpy.load_file",
        "safetensors",
        "from safetensors.numpy import load_file; load_file('weights.safetensors')",
        (reads("weights.safetensors", via="safetensors.*"),),
        needs=("safetensors",),
    ),
    Idiom(
        "safe_open",
        "safetensors",
        "from safetensors import safe_open\n"
        "with safe_open('weights.safetensors', 'pt') as file: file.get_tensor('a')",
        (reads("weights.safetensors", via="safetensors.*"),),
        needs=("safetensors",),
    ),
    Idiom(
        "safetensors.torch.save_file",
        "safetensors",
        "from safetensors.torch import save_file\n"
        "save_file({'a': torch.ones(2)}, 'out/a.safetensors')",
        (writes("out/a.safetensors", via="safetensors.*"),),
        needs=("safetensors",),
    ),
    needs=("torch",),
)

PRETRAINED = group(
    "transformers, peft",
    Idiom(
        "AutoModel.from_pretrained",
        "transformers",
        "from transformers import AutoModel; model = AutoModel.from_pretrained('bert')",
        (reads("bert", kind="model", via="transformers.*"), reads("bert/model.safetensors")),
        incidental=("file://*/bert/*",),
    ),
    Idiom(
        "AutoTokenizer.from_pretrained",
        "transformers",
        "from transformers import AutoTokenizer; AutoTokenizer.from_pretrained('bert')",
        (reads("bert", kind="model", via="transformers.*"), reads("bert/tokenizer.json")),
        incidental=("file://*/bert/*",),
    ),
    Idiom(
        "AutoConfig.from_pretrained",
        "transformers",
        "from transformers import AutoConfig; AutoConfig.from_pretrained('bert')",
        (reads("bert/config.json"),),
        incidental=("file://*/bert/*",),
    ),
    Idiom(
        "save_pretrained",
        "transformers",
        """
        from transformers import AutoModel
        AutoModel.from_pretrained('bert').save_pretrained('out/bert')
        """,
        (
            reads("bert/model.safetensors"),
            writes("out/bert", kind="model", via="transformers.*"),
            writes("out/bert/*"),
        ),
        incidental=("file://*/bert", "file://*/bert/*", "file:///tmp/*"),
    ),
    Idiom(
        "save_pretrained of a tokenizer",
        "transformers",
        """
        from transformers import AutoTokenizer
        AutoTokenizer.from_pretrained('bert').save_pretrained('out/tokenizer')
        """,
        (
            reads("bert/tokenizer.json"),
            writes("out/tokenizer", kind="model", via="transformers.*"),
            writes("out/tokenizer/*"),
        ),
        incidental=("file://*/bert", "file://*/bert/*"),
    ),
    Idiom(
        "peft, save and load",
        "peft",
        """
        import peft
        from transformers import AutoModel
        lora = peft.LoraConfig(r=2, target_modules=['query'])
        adapted = peft.get_peft_model(AutoModel.from_pretrained('bert'), lora)
        adapted.save_pretrained('out/adapter')
        peft.PeftModel.from_pretrained(AutoModel.from_pretrained('bert'), 'out/adapter')
        """,
        (
            writes("out/adapter", kind="model", via="peft.*"),
            writes("out/adapter/*"),
            reads("out/adapter", kind="model", via="peft.*"),
            reads("out/adapter/adapter_model.safetensors"),
            reads("bert/model.safetensors"),
        ),
        needs=("peft",),
        incidental=("file://*/bert", "file://*/bert/*", "file://*/out/adapter/*", "file:///tmp/*"),
    ),
    needs=("torch", "transformers"),
)

_CACHE = ("file://*/hf-cache/*",)

DATASETS = group(
    "Hugging Face datasets",
    Idiom(
        "load_dataset, csv",
        "datasets",
        "import datasets; datasets.load_dataset('csv', data_files='people.csv')",
        (reads("people.csv"),),
        incidental=_CACHE,
        in_notes=True,
    ),
    Idiom(
        "load_dataset, json",
        "datasets",
        "import datasets; datasets.load_dataset('json', data_files='people.jsonl')",
        (reads("people.jsonl"),),
        incidental=_CACHE,
    ),
    Idiom(
        "load_dataset, parquet",
        "datasets",
        "import datasets; datasets.load_dataset('parquet', data_files='people.parquet')",
        (reads("people.parquet"),),
        incidental=_CACHE,
    ),
    Idiom(
        "load_dataset, text, streaming",
        "datasets",
        """
        import datasets
        list(datasets.load_dataset('text', data_files='text.txt', streaming=True)['train'])
        """,
        (reads("text.txt"),),
        incidental=_CACHE,
    ),
    Idiom(
        "Dataset.from_csv",
        "datasets",
        "import datasets; datasets.Dataset.from_csv('people.csv')",
        (reads("people.csv"),),
        incidental=_CACHE,
    ),
    Idiom(
        "load_from_disk",
        "datasets",
        "import datasets; datasets.load_from_disk('dataset')[0]",
        (reads("dataset/*"),),
    ),
    Idiom(
        "save_to_disk",
        "datasets",
        "import datasets; datasets.Dataset.from_dict({'a': [1]}).save_to_disk('out/dataset')",
        (writes("out/dataset/*"),),
        incidental=("file://*/out/dataset",),
    ),
    Idiom(
        "Dataset.map, cached",
        "datasets",
        """
        import datasets
        rows = datasets.load_from_disk('dataset')
        rows.map(lambda row: {'older': row['age'] + 1}, cache_file_name='out/mapped.arrow')
        """,
        (reads("dataset/*"), writes("out/mapped.arrow")),
        incidental=("file://*/out/*",),
    ),
    Idiom(
        "Dataset.to_parquet",
        "datasets",
        "import datasets; datasets.Dataset.from_dict({'a': [1]}).to_parquet('out/hf.parquet')",
        (writes("out/hf.parquet"),),
    ),
    Idiom(
        "Dataset.to_csv",
        "datasets",
        "import datasets; datasets.Dataset.from_dict({'a': [1]}).to_csv('out/hf.csv')",
        (writes("out/hf.csv"),),
    ),
    Idiom(
        "Dataset.to_json",
        "datasets",
        "import datasets; datasets.Dataset.from_dict({'a': [1]}).to_json('out/hf.jsonl')",
        (writes("out/hf.jsonl"),),
    ),
    needs=("datasets",),
)

IDIOMS = TORCH + PRETRAINED + DATASETS
