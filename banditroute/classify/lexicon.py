"""The built-in vocabulary: which words are evidence of what, and how strongly.

A name ending in `+` is strong evidence (a theorem is hardly ever asked of in passing), one ending
in `~` faint (a field may be algebraic or of wheat), the others are ordinary. Plurals follow by an
s. The lists are for English; text in another language finds little here, and little evidence is
little confidence.
"""

from __future__ import annotations

STRONG, ORDINARY, FAINT = 2.0, 1.0, 0.4
"""What one word is worth. Two ordinary words weigh like a strong one; see `complexity`."""

TECHNICAL = "technical"
"""Evidence name of the technical terms that a configuration adds."""

HARD = ("mathematics", "science", "medicine", "law", "engineering", "argument", TECHNICAL)
"""Domains whose evidence is evidence of a hard request."""

WORDS: dict[str, str] = {
    "mathematics+": """
        prove proof proven proving provable disprove theorem lemma corollary axiom contradiction
        countable uncountable eigenvalue eigenvector homomorphism isomorphism homeomorphism
        bijection injective surjective abelian manifold topology topological cohomology measurable
        martingale asymptotic differentiable integrable holomorphic diagonalize diagonalizable
        undecidable decidable satisfiability irrational converges convergence diverges qed
        contrapositive wlog
    """,
    "mathematics": """
        derive derivation induction integral derivative gradient hessian jacobian matrix vector
        tensor determinant polynomial modulo congruence permutation combinatorial combinatorics
        probability variance covariance bayesian posterior likelihood estimator regression
        stochastic markov hypothesis inequality equation differential calculus algebra algebraic
        geometric continuity monotone subset logarithm exponential fourier laplace gaussian
        optimization convex lagrange lagrangian epsilon delta sqrt supremum infimum orthogonal
        recurrence solve evaluate compute
    """,
    "mathematics~": """
        prime distribution expectation geometry series sequence limit continuous bounded compact set
        finite infinite infinity integer rational real complex field ring group graph metric norm
        basis theory
    """,
    "science+": """
        hamiltonian schrodinger renormalization relativity relativistic entropy enthalpy
        thermodynamic thermodynamics stereochemistry enantiomer racemization nucleophile
        electrophile phosphorylation transcriptional crispr spectroscopy chromatography
        crystallography quantum superconductivity boson fermion qubit qcd confinement spacetime
        schwarzschild electrodynamics eigenstate chromodynamics
    """,
    "science": """
        mechanism kinetics equilibrium catalyst oxidation reduction molecule molecular ligand
        isotope electron photon neutron momentum magnetic electromagnetic tensor invariance
        cosmology genome protein enzyme receptor mitochondria cellular membrane antibody pathogen
        ecology neuron synaptic physics chemistry biochemistry astrophysics turbulence viscosity
        plasma semiconductor oscillation resonance endothermic exothermic polarity cleavage maxwell
    """,
    "science~": """
        reaction orbital polymer solvent acid particle field symmetry galaxy gene genetic mutation
        evolution diffusion stress strain einstein newton product yield action principle
    """,
    "medicine+": """
        contraindicated contraindication prognosis pathophysiology etiology aetiology comorbidity
        thrombolysis anticoagulation anticoagulant warfarin heparin chemotherapy carcinoma
        metastatic sepsis ischemic ischaemic fibrillation infarction hemorrhage haemorrhage
        intubation pharmacokinetics titrate metformin egfr inr ecg mri hypertension tachycardia
        pneumonia osmolality ibuprofen acetaminophen paracetamol overdose
    """,
    "medicine": """
        patient diagnosis diagnose diagnostic symptom dose dosage dosing mg drug therapy clinical
        disease syndrome chronic acute renal kidney liver hepatic cardiac lung pulmonary cancer
        tumor tumour diabetes diabetic insulin infection antibiotic surgery surgical pregnant
        bleeding serum urine sodium potassium glucose trial randomized placebo cohort pediatric
    """,
    "medicine~": """
        medication treatment treat heart stroke pregnancy pain chest fever blood pressure labs
        allergy
    """,
    "law+": """
        plaintiff defendant indemnify indemnification indemnity tort statute statutory jurisdiction
        jurisprudence litigation arbitration enforceable enforceability unenforceable fiduciary
        negligence liability estoppel subpoena affidavit appellate injunction precedent licensor
        licensee lessor gdpr hipaa noncompete trademark infringement unconstitutional
    """,
    "law": """
        legal law lawyer attorney court clause contract contractual agreement breach damages
        compliance comply complies regulation regulatory liable terminate termination lease landlord
        tenant eviction patent copyright testimony probate amendment constitutional remedies
        remediation sue lawsuit warranty confidentiality nda
    """,
    "law~": """
        deposit license licence evidence appeal custody will estate tax treaty article rights remedy
        settlement disclosure compete privacy code civil criminal
    """,
    "engineering+": """
        microservice deadlock livelock linearizability linearizable consensus raft paxos sharding
        concurrency idempotent idempotency amortized mutex semaphore scalability kubernetes
        backpressure segfault segmentation refactor refactoring architect cryptographic
    """,
    "engineering": """
        distributed architecture algorithm asynchronous async thread threaded multithreaded lock
        caching latency throughput replication partition consistency transaction database sql api
        compiler recursion recursive memory kernel debug debugging bug exception stacktrace
        traceback implement implementation python java javascript typescript rust golang cpp react
        django docker terraform regex benchmark profiling optimize optimise deploy deployment
        protocol tcp encryption vulnerability authentication oauth invariant semantics
        microcontroller scalable skew
    """,
    "engineering~": """
        cache index query backend frontend parser parse pointer heap stack function class method
        pipeline network security queue load code program script system scale tree hash complexity
    """,
    "argument": """
        analyze analyse analysis critique critically assess evaluate justify argue tradeoffs
        implications methodology validity rigorous rigorously synthesize reconcile counterexample
        refute thesis philosophical epistemology epistemic ontology transcendental dialectic
        hermeneutics econometric econometrics macroeconomic causal causality identification
        confounding design architect interpret derive theoretical feasibility
    """,
    "argument~": """
        argument compare contrast strategy why explain discuss equivalent consequences examine
        suppose model forecast
    """,
    "simple+": """
        hi hello hey thanks thank goodbye bye morning evening synonym antonym spell joke haiku rhyme
    """,
    "simple": """
        ok okay please capital rewrite rephrase reword paraphrase shorten shorter friendlier polite
        grammar spelling typo translate translation summarize summarise summary tldr define meaning
        mean recommend recommendation suggest suggestion recipe birthday gift movie film song party
        name weather ounces pounds miles email message poem tweet caption slogan born wrote invented
        fruit animal bird color colour dinner weekend holiday trip ideas idea word sentence cook
        boil
    """,
    "structured+": """
        json yaml csv xml jsonl tsv
    """,
    "structured": """
        schema extract extraction field column key row table format template fill markdown header
        spreadsheet entity entities parse return array object output convert
    """,
    "bulk": """
        classify categorize categorise label tag batch bulk
    """,
    "bulk~": """
        every each all
    """,
}
"""Evidence name -> words. A word may be evidence of several things."""

PHRASES: dict[str, str] = {
    "mathematics+": """
        show that | if and only if | for all n | epsilon delta | closed form | by induction | vector
        space | halting problem | integer solutions | necessary and sufficient
    """,
    "science+": """
        field equations | ground state | phase transition | free energy | rate law
    """,
    "medicine+": """
        differential diagnosis | side effects of | drug interaction | year old man | year old woman
        | first line | next step in management | mg kg
    """,
    "law+": """
        breach of contract | case law | common law | statute of | civil code | non compete | force
        majeure | intellectual property | under the law | third party | data processing agreement |
        governing law
    """,
    "engineering+": """
        race condition | distributed system | system design | lock free | rate limiter | memory leak
        | load balancer | stack overflow | exactly once | event driven | fault tolerant | key value
        store | np hard
    """,
    "argument": """
        step by step | trade offs | pros and cons | in terms of | under what conditions | what would
        happen if | internal validity | justify your
    """,
    "simple": """
        what time | how many | how much | how old | how tall | how far | yes or no | one word | one
        sentence | good morning | short message | tell me | what s the capital | give me | look up |
        what does | quick question
    """,
    "structured+": """
        markdown table | comma separated | valid json | key value pairs | following schema | header
        row
    """,
    "structured": """
        as a table | return only | with fields | with columns | with the keys | in the format | in
        this format
    """,
    "bulk+": """
        each of the following | for each of | for each one | each line | of every | all of the
        following | one per line | each item | in bulk | each of these | every one of
    """,
}
"""The same for several words in a row, divided by `|`, without punctuation."""


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


TECHNICAL_ENDINGS = _words("""
    itis osis emia tomy hism ysis etry uria xide olol pril axis ytic genic ility erase inase amine
    illin tatin azole gical etric rphic
""")
"""Last four or five letters of long technical words, each faint evidence of a hard request."""

COMMON = _words("""
    a about after all also am an and any are as ask at be because been before best but by can could
    day did do does don down each eat every few find first for from get give go good got great had
    has have he help her here him his how i if in into is it its just know less let like ll long
    look lot make many may me more most much must my need new next nice no not now of off old on one
    only or other our out over people place please put re s said say school see she short should
    shop small so some something sure t take tell than that the their them then there these they
    thing this those three time to today tomorrow tonight too two under up us use ve very want was
    way we week well went were what when where which while who will with work would write year yes
    you your
""")
"""The commonest words: how much of a text they are tells whether it is plain English at all."""

OPENERS = _words("""
    who when where is are was were do does did can could should has have will which what
""")
"""First words of a question that can often be looked up or answered yes or no."""
