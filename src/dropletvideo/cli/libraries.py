"""What our libraries may say on a user's terminal: errors only, and no bars of theirs beside ours."""

from __future__ import annotations


def quiet_libraries() -> None:
    """Silence progress bars and advice of diffusers and transformers; imports both."""
    import diffusers
    import transformers

    diffusers.utils.logging.set_verbosity_error()
    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
