"""Keep the model: labels of a teacher and decisions of people become a small model of your own.

    student = train_student(ledger, run, task, Vision(open_backbone("street"), load), Settings())
    student.write(Path("student.onnx"))          # model = "onnx:student.onnx"

dataset     who may be learned from, and who never   · backbones/: what sees
training    heads, calibration, suspicious labels    · export, quantise, card: one file and its card
evaluation  any model on any reviewed set            · certify, calibration: a cascade's thresholds
finetuning/ a backbone that learns too               · gemini/: Gemini, fine-tuned

Import from the files; `onnx` and scikit-learn come with `pip install 'vistoria[student]'`,
torch and transformers with `vistoria[torch]`.
"""
