from tellers import other, studio, telegram

__all__ = ["other", "studio", "telegram"]
