"""Parts of seminar learning: teacher and consistency."""
