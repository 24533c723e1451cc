"""Texts as cells: numbers in many forms, and what looks like one."""

from __future__ import annotations

from hypothesis import strategies as st

_ODD = """
0 -0 +0 00 -00 0.0 -0.0 -0e5 0e999 +1 .5 -.5 1. 01 1e5 1E+5 1e 1e400 -1e400 1e-400 5e-324 2.5e-324
1.7976931348623157e308 1.7976931348623159e308 9007199254740993 18446744073709551616 nan NaN NAN
+nan -nan inf -Infinity infinity null NULL nUll
true false True None 1_0 0x10 1,000 1,2 , ,, $5 $ $-1,204.50 ($1,204.50) (1.50) (-1) () ( 5% % 50%% [1] 1] [ ] [] {} "1"
" 1" \\ 1\\n #N/A NA N/A -1.#IND friday monday
"""
_BLANKS = [" ", "\t", "\n", "", "\r\n", "\x00", "\u00a0", "\u2028"]
_NON_ASCII = ["\u0661", "\uff11", "\u22121", "1\u00a0", "\u00e9", "\U0001f600"]

_numbers = st.floats().map(repr) | st.integers().map(str) | st.decimals(allow_nan=False).map(str)
TEXTS: st.SearchStrategy[str] = (
    _numbers
    | st.sampled_from([*_ODD.split(), *_BLANKS, *_NON_ASCII, str(10**400)])
    | st.tuples(st.sampled_from(_BLANKS), st.sampled_from(_ODD.split()), st.sampled_from(_BLANKS)).map("".join)
    | st.text(max_size=8)
)
"""Any text, most of them near to a number."""
