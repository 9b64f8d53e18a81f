"""Model texts made from a grammar of Brian2 strings, sound ones and such with a mistake."""

from typing import NamedTuple

import numpy as np

LINES = ("tau_m : second (constant)", "tau_a : second (constant)", "t_ref : second (constant)")


class Text(NamedTuple):
    """A model as a TOML file has it."""

    toml: str
    equations: int  # differential equations
    resets: bool
    broken: str  # the mistake that was made, empty if none was


class Writer:
    """Draws texts; v is in `unit`, the other state variables are pure numbers."""

    def __init__(self, generator: np.random.Generator):
        self.g = generator

    def one_of(self, *choices: str) -> str:
        return choices[int(self.g.integers(len(choices)))]

    def chance(self, probability: float) -> bool:
        return bool(self.g.random() < probability)

    def number(self, low: float = 0.1, high: float = 2.0) -> str:
        value = float(self.g.uniform(low, high))
        return self.one_of(f"{value:.2f}", f"{value:.1f}", f"{max(1, round(value))}", f"{value:.3e}", f"({value:.2f})")

    def signed(self, high: float = 1.0) -> str:
        value = float(self.g.uniform(-high, high))
        return f"{value:.2f}" if value >= 0 else f"({value:.2f})"

    # Pure numbers made of variables

    def leaf(self, names: list[str]) -> str:
        return self.one_of(*names, *names, self.signed(), "p", "beta")

    def term(self, names: list[str], depth: int) -> str:
        """A pure number of no great size."""
        if depth == 0 or self.chance(0.15):
            return self.leaf(names)
        a, b = self.term(names, depth - 1), self.term(names, depth - 1)
        kind = self.g.integers(5)
        if kind == 0:
            return self.one_of(f"({a} + {b})", f"({a} - {b})", f"({a}*{b})", f"(-{a})", f"({a} + {self.signed()})")
        if kind == 1:
            return self.one_of(f"{a}/(1 + ({b})**2)", f"{self.number()}*{a}", f"({a})/{self.number(0.5)}", f"({a})**2")
        return self.function(a, b)

    def function(self, a: str, b: str) -> str:
        low = self.signed()
        return self.one_of(
            f"tanh({a})", f"sin({a})", f"cos({a})", f"exp(-({a})**2)", f"exp(clip({a}, -2, 1))", f"log(1 + ({a})**2)",
            f"sqrt(1 + ({a})**2)", f"abs({a})", f"clip({a}, {low}, {low} + {self.number()})", f"1/exprel({a})",
            f"exprel(clip({a}, -3, 2))", f"1/exprel({a} + {self.signed()})", f"exprel(tanh({a}) - {self.number()})",
            f"(1 + ({a})**2)**0.5", f"(1 + ({a})**2)**-1", f"(1 + abs({a}))**1.5", f"tanh({a})**3", f"abs({a} - {b})",
            f"sqrt(({a})**2)", f"abs(clip({a}, -1, 1))", f"log(exp(tanh({a})))", f"exp(log(1 + ({a})**2)/2)",
            f"((1 + ({a})**2)**0.5)**3", f"clip({a}, {b} - 1, {b} + 1)", f"1/(1 + exp(-{a}))", f"tanh({a} + p)",
            f"exp(tanh({a}) + {self.signed()})", f"(2 + tanh({a}))**p", f"clip({a}, -inf, 1)", "exprel(w + 0.25)",
            f"exprel(0.5*({a}))",
        ).replace("w + 0.25", f"{self.others[0] if self.others else self.v} + 0.25")  # fmt: skip

    def bounded(self, names: list[str], depth: int) -> str:
        """Between -1 and 1 or not far beyond."""
        inner = self.term(names, depth)
        return self.one_of(f"tanh({inner})", f"clip({inner}, -1, 1)", f"sin({inner})", f"exp(-({inner})**2)")

    # Parts of a model

    def text(self) -> Text:
        """A model, with a mistake in a quarter of all."""
        g = self.g
        self.unit = self.one_of("1", "volt")
        self.scale = "1" if self.unit == "1" else "10*mV"
        self.v = "v" if self.unit == "1" else "(v/(10*mV))"
        self.method = str(g.choice(["exact", "exponential_euler", "euler"], p=[0.05, 0.475, 0.475]))
        self.count = int(g.choice([1, 2, 3], p=[0.15, 0.2, 0.65]))
        self.kept = self.chance(0.25)
        self.others = ["w", "a"][: self.count - 1]
        parts = {
            "equations": self.equations(), "threshold": self.threshold(), "reset": self.reset(),
            "method": self.method, "scale": self.scale,
            "refractory": self.one_of("t_ref", "t_ref", "2*ms", "t_ref + 1*ms"),
        }  # fmt: skip
        self.parameters = {"p": f"{g.uniform(0.2, 1.5):.2f}", "tau_w": f"{g.integers(5, 40)}*ms"}
        self.initial = {name: self.one_of(self.signed(0.5), "-0.25") for name in self.others if self.chance(0.4)}
        broken = self.break_something(parts) if self.chance(0.25) else ""
        return Text(self.toml(parts), self.count + self.kept, bool(parts["reset"].strip()), broken)

    def equations(self) -> str:
        moving = {"exact": self.linear, "exponential_euler": self.conditional, "euler": self.free}[self.method]
        self.extra = self.one_of("extra", "") if self.others else ""
        flag = self.one_of("", "", " (unless refractory)")
        lines = [f"dv/dt = {moving('v', 'tau_m', 'I', self.scale)} : {self.unit}{flag}"]
        for name, tau in zip(self.others, ("tau_a", "tau_w"), strict=False):
            flag = self.one_of("", "", "", " (unless refractory)")
            lines.append(f"d{name}/dt = {moving(name, tau, '', '1')} : 1{flag}")
        lines.append(f"dI/dt = -I/tau_w : {self.unit}" if self.kept else f"I : {self.unit}")
        if self.extra:
            lines.append(f"extra = {self.bounded(self.others, 2)} : 1")
        lines += [*LINES, "beta : 1 (constant)", "p : 1 (constant)", "tau_w : second (constant)"]
        order = self.g.permutation(len(lines))
        lines = [lines[i] for i in order]
        if self.chance(0.2):
            lines.insert(1, "# a remark: v > 1")
        return "\n".join(lines)

    def linear(self, name: str, tau: str, drive: str, unit: str) -> str:
        """Linear with constant coefficients, and no more than two variables coupled."""
        drive = f"{drive} + {self.signed(0.3)}*{unit}" if drive else self.signed(0.3)
        if name == "v" and self.others and self.chance(0.3) and not self.kept:
            drive += f" - {self.number(0.05, 0.4)}*{self.others[0]}*{unit}"
        return f"({drive} - {name})/{tau}"

    def conditional(self, name: str, tau: str, drive: str, unit: str) -> str:
        """Linear in its own variable alone; a conductance may drive the membrane."""
        names = [n for n in (self.v, *self.others) if n.strip("(").split("/")[0] != name] or ["p"]
        if name == "v" and self.chance(0.2):
            return f"(I*(2 - {self.v}) - v)/{tau}"
        drive = f"{drive} + {unit}*extra/4 + " if drive and self.extra else f"{drive} + " * bool(drive)
        pull = self.one_of(name, f"{name}*(1 + {self.bounded(names, 1)}**2)", f"{name}*exp({self.bounded(names, 1)})")
        return f"({drive}{self.number(0.1, 0.5)}*{unit}*{self.bounded(names, 2)} - {pull})/{tau}"

    def free(self, name: str, tau: str, drive: str, unit: str) -> str:
        names = [self.v, *self.others]
        extra = f"{self.number(0.1, 0.3)}*extra*{unit} + " if self.extra else ""
        drive = f"{drive} + {extra}" if drive else ""
        return f"({drive}{self.number(0.1, 0.5)}*{unit}*{self.bounded(names, 2)} - {name})/{tau}"

    def threshold(self) -> str:
        level = f"{self.number(0.5, 1.0)}*{self.scale}"
        if self.extra and self.chance(0.5):
            level += f" + 0.1*{self.scale}*extra"
        if self.others and self.chance(0.5):
            level += f" + {self.number(0.05, 0.3)}*{self.scale}*{self.bounded(self.others, 1)}"
        left = self.one_of("v", "v", f"(v + 0.1*{self.scale}*{self.bounded([self.v], 1)})")
        return self.one_of(f"{left} > {level}", f"{level} < {left}")

    def reset(self) -> str:
        """Up to four statements; later ones see what earlier ones assigned."""
        if self.chance(0.08):
            return ""
        unit, names = self.scale, [self.v, *self.others]
        lines = [self.one_of("v = 0*" + unit, f"v -= {self.number()}*{unit}", f"v *= {self.number(0.1, 0.5)}")]
        if self.chance(0.3):
            lines = [f"v = 0.2*{unit}*{self.bounded(names, 1)}"]
        for name in self.others:
            lines.append(self.one_of(
                f"{name} += {self.number(0.05, 0.5)}", f"{name} = {self.bounded(names, 1)}",
                f"{name} *= {self.number(0.2, 0.9)}", f"{name} /= 1 + {name}**2",
                f"{name} -= 0.1*{self.term(names, 1)}", f"{name} = -0.25", f"{name} = 0.2*{self.bounded(names, 2)}",
            ))  # fmt: skip
        if len(self.others) == 2 and self.chance(0.05):  # no number where a is negative
            lines.append(self.one_of("w = 0.3*sqrt(a)**2", "w = exp(log(a)) - 1", "w = (a**1.5)**2", "w = 0.1*log(a)"))
        if self.others and self.unit == "1" and self.chance(0.3):
            lines += [f"v = {self.others[0]}", f"{self.others[0]} *= 0.5"]
        self.g.shuffle(lines)
        return self.one_of("\n", "; ").join(lines)

    def toml(self, parts: dict[str, str]) -> str:
        rows = ['name = "drawn"', *(f"{key} = '''\n{value}'''" for key, value in parts.items())]
        rows += [f"kept = {str(self.kept).lower()}", f"substeps = {self.g.choice([1, 1, 2, 3])}"]
        rows += [f'surrogate = "{self.one_of("triangle", "fast_sigmoid", "gaussian")}"']
        rows += ["[parameters]", *(f'{key} = "{value}"' for key, value in self.parameters.items())]
        return "\n".join([*rows, "[initial]", *(f'{key} = "{value}"' for key, value in self.initial.items())])

    # Mistakes

    def break_something(self, parts: dict[str, str]) -> str:
        """Makes one mistake in the parts; what it is."""
        mistakes = {
            "unit of a sum": ("equations", "dv/dt = (", "dv/dt = (1*ms + "),
            "unit of a number": ("equations", "dv/dt = (", "dv/dt = (3*amp + "),
            "unknown name": ("equations", "dv/dt = (", "dv/dt = (unknown + "),
            "time": ("equations", "dv/dt = (", "dv/dt = (t*v/tau_m + "),
            "noise": ("equations", "dv/dt = (", "dv/dt = (v*xi*tau_m**0.5 + "),
            "bracket": ("equations", "dv/dt = (", "dv/dt = (("),
            "tower": ("equations", "dv/dt = (", "dv/dt = (9**9**9**9*v + "),
            "power": ("equations", "dv/dt = (", "dv/dt = (v*p**1000000 + "),
            "function": ("equations", "dv/dt = (", f"dv/dt = ({self.one_of('floor', 'sign', 'max', 'stim')}(p)*v + "),
            "remainder": ("equations", "dv/dt = (", "dv/dt = ((p % 2)*v + "),
            "truth value": ("equations", "dv/dt = (", "dv/dt = (v*True + "),
            "flag": ("equations", "tau_m : second (constant)", "tau_m : second (shared)"),
            "unit": ("equations", "tau_m : second", "tau_m : ms"),
            "not declared": ("equations", "p : 1 (constant)", ""),
            "no value": ("equations", "beta : 1 (constant)", "beta : 1 (constant)\ngain : 1 (constant)"),
            "not linear": ("equations", "dv/dt = (", f"dv/dt = (v*{self.v}*{self.v} + "),
            "comparison": ("threshold", ">", ">="),
            "condition": ("threshold", ">", "> 0*v and v >"),
            "state in the threshold": ("threshold", "v", "u"),
            "reset of a parameter": ("reset", "v", "tau_m"),
            "operator": ("reset", "=", "%="),
            "current in the reset": ("reset", "v", "I"),
            "method": ("method", self.method, "rk4"),
            "scale": ("scale", self.scale, "1*ms"),
            "refractory": ("refractory", parts["refractory"], self.one_of("v > 1", "1", "tau_x")),
        }
        name = self.one_of(*mistakes)
        place, old, new = mistakes[name]
        if old not in parts[place]:
            return ""
        parts[place] = parts[place].replace(old, new, 1)
        return name


def texts(seed: int, first: int, count: int) -> list[Text]:
    """Texts number first, first + 1, .. of a seed; each depends on its number alone."""
    return [Writer(np.random.default_rng([seed, number])).text() for number in range(first, first + count)]
