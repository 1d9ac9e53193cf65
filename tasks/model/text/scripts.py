"""Scripts that are written without blanks between words."""

# The inside of a character class: Thai, Lao, Burmese and Khmer; Han with its radicals, marks and rare planes; kana, bopomofo.
# Not Hangul: Korean has blanks between words.
UNSPACED = (
    "\u0e01-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3038-\u303b\u3040-\u312f"
    "\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U0001b000-\U0001b16f\U00020000-\U0003ffff"
)
