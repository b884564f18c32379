"""One training of a model's encoders in a library: what it needs, what a kill left of it, and taking it in.

What is needed to go on lies in the library under `training/<digest>/`, the digest being of everything that shapes
the result; it stays until the new model is in place, so a kill while judging or writing costs no training. From
there on the model itself stands (`installing.standing`) until the library has moved to it. What the owner said when
it began is kept beside it all the while (core/training/kept.py), so that more may be said meanwhile.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from core.models.encoder import Encoder
from core.models.registry import model_folder
from core.models.spec import ModelSpec
from core.models.trained import Note, base_of, read_note
from core.progress import CancelToken, Progress, Report
from core.search.open_model import MODELS
from core.training.by_encoders import Lessons, learn_by_encoders
from core.training.cost import Forward
from core.training.devices import CUDA, chosen, fits, let_go, no_room
from core.training.forward import forward
from core.training.full import Course
from core.training.gate import Verdict
from core.training.general import General
from core.training.installing import CHECKPOINTS, install, next_id, standing
from core.training.kept import Begun, forget, keep
from core.training.loop import Diverged, Point
from core.training.memory import need


@dataclass(frozen=True, slots=True)
class TowerTraining:
    """encoder: of the model that it begins from; in_use: the id of the one that serves now.

    begun  what is kept of the lessons, so that the same training goes on with them; None: they lie in files of their own
    later  how much was said since it began; None: it begins now
    instead  of one that was stopped, which it takes the place of: why that is not gone on with (`core.training.kept`)
    """

    library: Path
    encoder: Encoder
    in_use: str
    lessons: Lessons
    course: Course
    seed: int
    begun: Begun | None = None
    later: int | None = None
    instead: str = ""

    @property
    def how(self) -> str:
        return "lora" if self.course.lora else "full"

    @property
    def asked(self) -> str:
        """What shapes the result beside the lessons: the model and who teaches it, the course, the seed."""
        teacher = self.lessons.teacher
        course = self.course
        return repr(
            (
                self.how,
                course.stages,
                course.epochs,
                course.rate,
                course.precision,
                self.seed,
                teacher.spec.space_id if teacher else "",
                self.encoder.spec.space_id,
            )
        )

    @property
    def digest(self) -> str:
        """Of all that shapes the result."""
        told = repr((self.asked, self.lessons.training, self.lessons.held_out))
        return hashlib.sha256(told.encode()).hexdigest()[:16]

    def memory(self) -> tuple[int, bool]:
        """About how many bytes it takes at its height, thrifty where it would not fit into what is free now; whether of a GPU's."""
        device, taken, _ = self._place()
        return taken, device == CUDA

    def forward(self) -> Forward:
        """How long its towers take in torch, where they learn on pixels."""
        return forward(self.encoder, self._place()[0])

    def standing(self) -> str:
        """The model that this very training has put in place before the program was ended, else ""."""
        return standing(self.library, self.digest)

    def learn(
        self, report: Report, cancel: CancelToken, watch: Callable[[Point], None]
    ) -> tuple[Verdict, ModelSpec | None]:
        """Train, judge, and where it is better put the model in place. Raises Diverged, Cancelled, ModelError, DiskFull."""
        if made := self.standing():
            # A kill may have come between its last rename and this.
            shutil.rmtree(self.library / CHECKPOINTS / self.digest, ignore_errors=True)
            verdict = Verdict.of_json(read_note(self.library / MODELS, made).verdict)
            return verdict, ModelSpec.load(model_folder(made, self.library / MODELS))
        checkpoint = self._checkpoint()
        if self.begun is not None:
            keep(checkpoint.parent, self.begun)
        device, _, thrifty = self._place()
        course = replace(self.course, thrifty=thrifty, device=device, checkpoint=checkpoint)
        torch.manual_seed(self.seed)
        # The way from words to photos is measured on the towers themselves, before they are trained.
        general = General.of(self.encoder, np.zeros((1, self.encoder.spec.width), np.float32))
        try:
            result = learn_by_encoders(
                self.encoder, self.lessons, general, course, self.seed, report, cancel, watch
            )
        except Diverged:
            # From there it would run away again.
            shutil.rmtree(checkpoint, ignore_errors=True)
            forget(checkpoint.parent, self.digest)
            raise
        except torch.OutOfMemoryError as error:
            raise no_room(error) from error
        finally:
            let_go()
        cancel.check()
        spec = None
        if result.verdict.accepted:
            report(Progress("write"))
            base = base_of(self.encoder.spec.id)
            model_id = next_id(base, self.library / MODELS, self.lessons.name)
            note = Note(base, self.in_use, self.how, self.seed, result.verdict.as_json())
            spec = install(self.library, model_id, lambda new: result.write(new, model_id), note, self.digest)
        else:
            forget(checkpoint.parent, self.digest)
        shutil.rmtree(checkpoint, ignore_errors=True)
        return result.verdict, spec

    def _place(self) -> tuple[str, int, bool]:
        """The device, bytes it takes there, and whether it is thrifty."""
        said = (*self.lessons.training, *self.lessons.held_out)
        spoken = {each.photo for each in said}
        photos, texts = len(spoken) + len(self.lessons.others), len({each.text for each in said})
        found = need(self.encoder, photos, texts, lora=self.course.lora, teacher=self.lessons.teacher)
        device = chosen(self.course.device, found)
        return device, *fits(found, self.course.thrifty, device)

    def _checkpoint(self) -> Path:
        """Where this training keeps what it needs to go on; what another one left is taken away."""
        kept = self.library / CHECKPOINTS / self.digest
        if kept.parent.is_dir():
            for other in kept.parent.iterdir():
                if other.is_dir() and other != kept:
                    shutil.rmtree(other, ignore_errors=True)
        return kept
