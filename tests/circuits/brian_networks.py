"""Twelve networks written as people write them in Brian2: each function returns a `brian2.Network`.

Those with Poisson input draw it anew in every run; the comparison hands what was drawn to the circuit.
"""

import brian2 as br
import numpy as np
from brian2 import Hz, Mohm, cm, ms, msiemens, mV, nA, nS, pA, pF, uF

SIZE = 80


def poisson_onto(group, variable, weight, rate, cells=40, p=0.2):
    """Poisson cells that add a weight to a variable of a group."""
    cells = br.PoissonGroup(cells, rates=rate, name=f"{group.name}_drive")
    synapses = br.Synapses(cells, group, on_pre=f"{variable}_post += {weight}", name=f"{group.name}_from_drive")
    synapses.connect(p=p)
    return cells, synapses


def current_based():
    """Excitation and inhibition as exponential currents; the constants stand in the namespace of the run."""
    tau_m, tau_e, tau_i = 20 * ms, 5 * ms, 10 * ms
    v_rest, v_th, v_r = -30 * mV, -50 * mV, -60 * mV
    cells = br.NeuronGroup(
        SIZE, """
        dv/dt = (g_e + g_i - (v - v_rest))/tau_m : volt (unless refractory)
        dg_e/dt = -g_e/tau_e : volt
        dg_i/dt = -g_i/tau_i : volt
        """, threshold="v > v_th", reset="v = v_r", refractory=5 * ms, method="exact", name="current_based",
        namespace={"tau_m": tau_m, "tau_e": tau_e, "tau_i": tau_i, "v_rest": v_rest, "v_th": v_th, "v_r": v_r},
    )  # fmt: skip
    cells.v = "v_r + rand()*(v_th - v_r)"
    split = int(0.8 * SIZE)
    excite = br.Synapses(cells[:split], cells, on_pre="g_e += 1.8*mV", name="cuba_e")
    inhibit = br.Synapses(cells[split:], cells, on_pre="g_i -= 9*mV", name="cuba_i")
    excite.connect(p=0.1)
    inhibit.connect(p=0.1)
    return br.Network(cells, excite, inhibit)


def conductance_based():
    """Excitatory and inhibitory conductances with reversal potentials, in two groups of one model."""
    space = {"C": 200 * pF, "g_l": 10 * nS, "E_l": -60 * mV, "E_e": 0 * mV, "E_i": -80 * mV, "tau_e": 5 * ms,
             "tau_i": 10 * ms, "I_0": 260 * pA, "w_e": 3 * nS, "w_i": 20 * nS}  # fmt: skip
    equations = """
    dv/dt = (g_l*(E_l - v) + g_e*(E_e - v) + g_i*(E_i - v) + I_0)/C : volt (unless refractory)
    dg_e/dt = -g_e*(1.0/tau_e) : siemens
    dg_i/dt = -g_i*(1.0/tau_i) : siemens
    """
    groups = [
        br.NeuronGroup(size, equations, threshold="v > -50*mV", reset="v = E_l", refractory=3 * ms,
                       method="exponential_euler", namespace=space, name=name)
        for name, size in (("coba_exc", SIZE), ("coba_inh", SIZE // 4))
    ]  # fmt: skip
    joined = []
    for source, port, weight in ((groups[0], "g_e", "w_e"), (groups[1], "g_i", "w_i")):
        for target in groups:
            synapses = br.Synapses(source, target, on_pre=f"{port} += {weight}", delay=1 * ms, namespace=space,
                                   name=f"{source.name}_{target.name}")  # fmt: skip
            synapses.connect(condition="i != j", p=0.1)
            joined.append(synapses)
    for group in groups:
        group.v = "E_l + rand()*10*mV"
        group.g_e = "rand()*5*nS"
    return br.Network(groups, joined)


def pulses():
    """Synapses that jump the membrane itself, which holds while the cell is refractory (Brunel's network)."""
    cells = br.NeuronGroup(
        SIZE, "dv/dt = -v/(20*ms) : volt (unless refractory)", threshold="v > 20*mV", reset="v = 10*mV",
        refractory=2 * ms, method="exact", name="pulses",
    )  # fmt: skip
    synapses = br.Synapses(cells, cells, "J : volt", on_pre="v_post += J", delay=1.5 * ms, name="pulses_rec")
    synapses.connect(condition="i != j", p=0.15)
    synapses.J = "0.6*mV - 2.4*mV*int(i >= 0.75*N_pre)"
    cells.v = "rand()*20*mV"
    return br.Network(cells, synapses, poisson_onto(cells, "v", "1.1*mV", 300 * Hz, p=0.5))


def adaptive_exponential():
    """AdEx neurons (Brette & Gerstner 2005) with excitatory conductances."""
    space = {"C": 281 * pF, "gL": 30 * nS, "EL": -70.6 * mV, "VT": -50.4 * mV, "DT": 2 * mV, "tauw": 144 * ms,
             "a": 4 * nS, "b": 0.0805 * nA}  # fmt: skip
    cells = br.NeuronGroup(
        SIZE, """
        dvm/dt = (gL*(EL - vm) + gL*DT*exp((vm - VT)/DT) + I + g*(0*mV - vm) - w)/C : volt
        dw/dt = (a*(vm - EL) - w)/tauw : amp
        dg/dt = -g/(3*ms) : siemens
        I : amp
        """, threshold="vm > VT + 5*DT", reset="vm = EL; w += b", method="euler", namespace=space, name="adex_cells",
    )  # fmt: skip
    cells.vm, cells.I = "EL + rand()*15*mV", "(1.4 + 0.8*rand())*nA"
    synapses = br.Synapses(cells, cells, on_pre="g += 2*nS", name="adex_rec")
    synapses.connect(condition="i != j", p=0.1)
    synapses.delay = "(0.5 + 2*rand())*ms"
    return br.Network(cells, synapses)


def izhikevich():
    """Izhikevich's neurons of 2003, each with parameters of its own; the reset and synapses act on v alike."""
    cells = br.NeuronGroup(
        SIZE, """
        dv/dt = (0.04*v**2 + 5*v + 140 - u + I)/ms : 1
        du/dt = a*(b*v - u)/ms : 1
        dI/dt = -I/(5*ms) : 1
        a : 1 (constant)
        b : 1 (constant)
        c : 1 (constant)
        d : 1 (constant)
        """, threshold="v >= 30", reset="v = c; u += d", method="euler", name="izhikevich_cells",
    )  # fmt: skip
    r = np.random.default_rng(1).random(SIZE)
    cells.a, cells.b, cells.c, cells.d = 0.02 + 0.08 * r, 0.25 - 0.05 * r, -65 + 15 * r**2, 2 + 4 * (1 - r)
    cells.v, cells.u = -65, "b*v"
    fast = br.Synapses(cells, cells, "w : 1", on_pre="v_post += w", name="izhikevich_fast")
    fast.connect(p=0.1)
    fast.w, fast.delay = "1.5*rand() - 0.5", "int(1 + 5*rand())*ms"
    return br.Network(cells, fast, poisson_onto(cells, "I", "8", 150 * Hz))


def hodgkin_huxley():
    """Traub & Miles' channels as in COBAHH, with exprel; a spike is called on the upswing, and there is no reset."""
    area = 20000e-12 * br.metre**2
    space = {"Cm": 1 * uF * cm**-2 * area, "gl": 5e-5 * br.siemens * cm**-2 * area, "El": -65 * mV, "EK": -90 * mV,
             "ENa": 50 * mV, "g_na": 100 * msiemens * cm**-2 * area, "g_kd": 30 * msiemens * cm**-2 * area,
             "VT": -63 * mV, "taue": 5 * ms, "taui": 10 * ms, "Ee": 0 * mV, "Ei": -80 * mV}  # fmt: skip
    cells = br.NeuronGroup(
        SIZE, """
        dv/dt = (gl*(El - v) + ge*(Ee - v) + gi*(Ei - v) - g_na*(m*m*m)*h*(v - ENa)
                 - g_kd*(n*n*n*n)*(v - EK) + I)/Cm : volt
        dm/dt = alpha_m*(1 - m) - beta_m*m : 1
        dn/dt = alpha_n*(1 - n) - beta_n*n : 1
        dh/dt = alpha_h*(1 - h) - beta_h*h : 1
        dge/dt = -ge*(1./taue) : siemens
        dgi/dt = -gi*(1./taui) : siemens
        alpha_m = 0.32*(mV**-1)*4*mV/exprel((13*mV - v + VT)/(4*mV))/ms : hertz
        beta_m = 0.28*(mV**-1)*5*mV/exprel((v - VT - 40*mV)/(5*mV))/ms : hertz
        alpha_h = 0.128*exp((17*mV - v + VT)/(18*mV))/ms : hertz
        beta_h = 4./(1 + exp((40*mV - v + VT)/(5*mV)))/ms : hertz
        alpha_n = 0.032*(mV**-1)*5*mV/exprel((15*mV - v + VT)/(5*mV))/ms : hertz
        beta_n = .5*exp((10*mV - v + VT)/(40*mV))/ms : hertz
        I : amp
        """, threshold="v > -20*mV", refractory=3 * ms, method="exponential_euler", namespace=space, name="hh_cells",
    )  # fmt: skip
    cells.v, cells.I = "El + (randn()*5 - 5)*mV", "(0.2 + 0.5*rand())*nA"
    cells.ge, cells.gi = "(randn()*1.5 + 4)*nS", "(randn()*12 + 20)*nS"
    excite = br.Synapses(cells[:60], cells, on_pre="ge += 6*nS", name="hh_e")
    inhibit = br.Synapses(cells[60:], cells, on_pre="gi += 67*nS", name="hh_i")
    excite.connect(p=0.1)
    inhibit.connect(p=0.1)
    return br.Network(cells, excite, inhibit)


def nmda():
    """AMPA, and NMDA receptors that rise, decay and are blocked by magnesium."""
    space = {"C": 0.5 * br.nF, "g_m": 25 * nS, "V_L": -70 * mV, "V_E": 0 * mV, "g_ampa": 15 * nS, "g_nmda": 8 * nS,
             "tau_ampa": 2 * ms, "tau_rise": 2 * ms, "tau_decay": 100 * ms, "alpha": 0.5 / ms, "Mg2": 1.0}  # fmt: skip
    cells = br.NeuronGroup(
        SIZE, """
        dv/dt = (-g_m*(v - V_L) - I_syn)/C : volt (unless refractory)
        I_syn = g_ampa*s_ampa*(v - V_E) + g_nmda*s_nmda*(v - V_E)/(1 + Mg2*exp(-0.062*v/mV)/3.57) : amp
        ds_ampa/dt = -s_ampa/tau_ampa : 1
        ds_nmda/dt = -s_nmda/tau_decay + alpha*x*(1 - s_nmda) : 1
        dx/dt = -x/tau_rise : 1
        """, threshold="v > -50*mV", reset="v = -55*mV", refractory=2 * ms, method="euler", namespace=space,
        name="nmda_cells",
    )  # fmt: skip
    cells.v = "V_L + rand()*20*mV"
    synapses = br.Synapses(cells, cells, "w : 1", on_pre="""
        s_ampa_post += 0.5*w
        x_post += w
        """, delay=0.5 * ms, name="nmda_rec")  # fmt: skip
    synapses.connect(condition="i != j", p=0.1)
    synapses.w = "0.2 + 0.3*rand()"
    return br.Network(cells, synapses, poisson_onto(cells, "s_ampa", "0.6", 400 * Hz))


def adapting():
    """A potassium conductance and a threshold that spikes raise; the reset has several lines."""
    cells = br.NeuronGroup(
        SIZE, """
        dv/dt = (-(v + 70*mV) - gk*(v + 80*mV) + R*I_0 + R*i_s)/tau : volt (unless refractory)
        dgk/dt = -gk/tau_k : 1
        dvt/dt = (-50*mV - vt)/(15*ms) : volt
        di_s/dt = -i_s/(4*ms) : amp
        tau : second
        I_0 : amp
        """, threshold="v > vt", reset="""
        v = -65*mV
        gk += dg  # each spike opens more
        vt += 3*mV
        """, refractory="1*ms + 0.1*tau", method="euler",
        namespace={"R": 100 * Mohm, "tau_k": 100 * ms, "dg": 0.05}, name="adapting_cells",
    )  # fmt: skip
    cells.v, cells.vt, cells.tau, cells.I_0 = "-70*mV + 15*mV*rand()", -50 * mV, "(10 + 20*rand())*ms", 0.5 * nA
    synapses = br.Synapses(cells, cells, on_pre="i_s_post += 30*pA", name="adapting_rec")
    synapses.connect(condition="abs(i - j) < 6 and i != j")
    return br.Network(cells, synapses)


def synfire_chain():
    """Groups of cells that hand a pulse packet on, as subgroups of one NeuronGroup (Diesmann et al. 1999)."""
    links, width = 8, 25
    cells = br.NeuronGroup(
        links * width, """
        dV/dt = (-(V + 70*mV) + x)/(10*ms) : volt
        dx/dt = (-x + y)/(0.325*ms) : volt
        dy/dt = -y/(0.325*ms) : volt
        """, threshold="V > -55*mV", reset="V = -70*mV", refractory=1 * ms, method="exact", name="synfire",
    )  # fmt: skip
    cells.V = "-70*mV + 12*mV*rand()"
    chain = br.Synapses(cells, cells, on_pre="y += 30*mV", delay=5 * ms, name="synfire_links")
    chain.connect(condition=f"i//{width} + 1 == j//{width}")
    jitter = np.random.default_rng(2).random(6 * width)
    first = br.SpikeGeneratorGroup(
        width, np.tile(np.arange(width), 6), (np.repeat([3, 35, 67, 99, 131, 150], width) + jitter) * ms,
        name="synfire_packet",
    )  # fmt: skip
    start = br.Synapses(first, cells[:width], on_pre="y += 30*mV", name="synfire_start")
    start.connect()
    return br.Network(cells, chain, first, start)


def heterogeneous():
    """Time constants, thresholds, weights and delays that all differ; a synapse scales by parameters of both ends."""
    cells = br.NeuronGroup(
        SIZE, """
        dv/dt = (E - v + s)/tau : 1 (unless refractory)
        ds/dt = -s/tau_s : 1
        tau : second (constant)
        tau_s : second (constant)
        E : 1 (constant)
        theta : 1 (constant)
        gain : 1 (constant)
        t_dead : second (constant)
        """, threshold="v > theta", reset="v = 0", refractory="t_dead", method="exact", name="mixed_cells",
    )  # fmt: skip
    cells.tau, cells.tau_s, cells.t_dead = "(8 + 20*rand())*ms", "(2 + 6*rand())*ms", "(1 + 4*rand())*ms"
    cells.E, cells.theta, cells.gain, cells.v = "1.4 + rand()", "0.8 + 0.3*rand()", "0.5 + rand()", "rand()*0.7"
    synapses = br.Synapses(cells, cells, "w : 1", on_pre="s_post += w*gain_post/(1 + gain_pre)", name="mixed_rec")
    synapses.connect(p=0.15)
    synapses.w, synapses.delay = "0.3*randn()", "rand()*8*ms"
    return br.Network(cells, synapses)


def generators():
    """Spike times that come again; two pathways of one Synapses with delays of their own, one of them 0 and onto v."""
    cells = br.NeuronGroup(
        SIZE, """
        dv/dt = (1.3 - v + s)/(12*ms) : 1
        ds/dt = -s/(6*ms) : 1
        """, threshold="v > 1", reset="v = 0.2*v; s *= 0.5", method="exact", name="driven_cells",
    )  # fmt: skip
    cells.v = "rand()"
    source = br.SpikeGeneratorGroup(
        20, np.arange(20), np.linspace(0.3, 24, 20) * ms, period=25 * ms, name="clockwork"
    )  # fmt: skip
    synapses = br.Synapses(source, cells, "w : 1", on_pre={"now": "v_post += w", "later": "s_post -= 0.5*w"},
                           delay={"now": 0 * ms, "later": 3 * ms}, name="clockwork_out")  # fmt: skip
    synapses.connect(p=0.3)
    synapses.w = "0.4*rand()"
    ring = br.Synapses(cells, cells, on_pre="v_post += 0.15", name="driven_ring")
    ring.connect(j="(i + 1) % N_post")
    return br.Network(cells, source, synapses, ring)


def timed_arrays():
    """A current that changes every 2 ms, of each cell its own, and a gain that all share."""
    stimulus = br.TimedArray(np.random.default_rng(3).random((100, SIZE)) * 1.2 * nA, dt=2 * ms, name="stimulus")
    gain = br.TimedArray([1.0, 1.4, 0.8, 1.2], dt=50 * ms, name="gain")
    cells = br.NeuronGroup(
        SIZE, """
        dv/dt = (-(v + 65*mV) + R*I)/(10*ms) : volt (unless refractory)
        I = gain(t)*stimulus(t, i) + i_s : amp
        di_s/dt = -i_s/tau_s : amp
        """, threshold="v > -50*mV", reset="v = -65*mV", refractory=2 * ms, method="euler",
        namespace={"R": 40 * Mohm, "tau_s": 5 * ms, "stimulus": stimulus, "gain": gain}, name="timed_cells",
    )  # fmt: skip
    cells.v = "-65*mV + 10*mV*rand()"
    synapses = br.Synapses(cells, cells, on_pre="i_s += 15*pA", name="timed_rec")
    synapses.connect(p=0.1)
    return br.Network(cells, synapses)


NETWORKS = (
    current_based, conductance_based, pulses, adaptive_exponential, izhikevich, hodgkin_huxley, nmda, adapting,
    synfire_chain, heterogeneous, generators, timed_arrays,
)  # fmt: skip
