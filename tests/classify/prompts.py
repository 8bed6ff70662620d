"""A labelled sample of prompts, in two halves: words and weights were tuned on DEVELOPMENT only.

HELD_OUT was written before the lexicon and never tuned on; but one author wrote both, so prompts of
other people are recognised less well, and more of them end up unsure. Labels are what the prompt
needs: `complex` (proofs, law, medicine, graduate-level work, design), `standard` (what any model
does well), `structured` (data in a given form), `bulk` (the same small task many times).
"""

_ITEMS = "\n".join(f"{i}. The delivery of parcel {i} was late again." for i in range(1, 31))
_ROWS = "\n".join(f"row {i}: great product, would buy again" for i in range(60))

HELD_OUT: tuple[tuple[str, str], ...] = (
    ("Prove that sqrt(2) is irrational.", "complex"),
    ("Show that every bounded monotone sequence of reals converges.", "complex"),
    ("Is every continuous function on [0,1] uniformly continuous? Give a proof.", "complex"),
    ("Let G be a finite group of order p^2. Show that G is abelian.", "complex"),
    ("Find all integer solutions of x^3 + y^3 = 6xy and justify that there are no others.", "complex"),
    ("Derive the Euler-Lagrange equation from the principle of stationary action.", "complex"),
    (
        "Explain why the one-loop beta function of QCD is negative and what that implies for confinement.",
        "complex",
    ),
    ("What is the mechanism of the Diels-Alder reaction and why is the endo product favoured?", "complex"),
    (
        "A 67-year-old man with atrial fibrillation on warfarin presents with an INR of 8 and no bleeding. "
        "How should this be managed?",
        "complex",
    ),
    ("Can I give ibuprofen to a patient with stage 3 chronic kidney disease?", "complex"),
    ("Differential diagnosis for acute chest pain radiating to the back with unequal pulses", "complex"),
    (
        "Does a limitation of liability clause survive a fundamental breach of contract under English law?",
        "complex",
    ),
    (
        "Draft an indemnification clause that protects the licensor against third-party IP claims "
        "but excludes gross negligence.",
        "complex",
    ),
    (
        "My landlord kept the deposit after I moved out. Under California Civil Code 1950.5, what remedies "
        "do I have and what must I prove?",
        "complex",
    ),
    (
        "Design a rate limiter for a multi-region API that tolerates clock skew and network partitions.",
        "complex",
    ),
    (
        "We have a race condition between the cache invalidation and the database commit. Why does it only "
        "show under load, and how would you fix it without a distributed lock?",
        "complex",
    ),
    (
        "Compare Raft and Paxos in terms of liveness, and explain when leader leases break linearizability.",
        "complex",
    ),
    (
        "Refactor this recursive parser so that it does not overflow the stack on deeply nested input, "
        "and argue that the result is equivalent.",
        "complex",
    ),
    (
        "Evaluate the identification strategy of a difference-in-differences study with staggered adoption.",
        "complex",
    ),
    (
        "Hi! Quick one: in one sentence, why is the halting problem undecidable even for programs "
        "without input?",
        "complex",
    ),
    ("Critically assess Kant's argument for the transcendental deduction of the categories.", "complex"),
    ("What's the capital of Australia?", "standard"),
    ("hello there", "standard"),
    ("Thanks, that helped a lot!", "standard"),
    ("Who wrote Pride and Prejudice?", "standard"),
    ("Is a tomato a fruit? Answer yes or no.", "standard"),
    ("What time is it in Tokyo when it is noon in London?", "standard"),
    ("Rewrite this to sound friendlier: Send me the report today.", "standard"),
    ("Translate 'good morning' into Spanish.", "standard"),
    ("Write a short birthday message for my aunt.", "standard"),
    ("Give me three ideas for a weekend trip with kids.", "standard"),
    ("What is a synonym for happy?", "standard"),
    ("Fix the grammar: she go to school every days", "standard"),
    ("How do I boil an egg?", "standard"),
    ("Suggest a name for my bakery.", "standard"),
    ("Summarize this in one sentence: The meeting moved from Monday to Tuesday at ten.", "standard"),
    ("Should I bring an umbrella to Seattle in May?", "standard"),
    ("Extract the name, email and phone number from this signature and return JSON.", "structured"),
    ('Return only valid JSON with the keys "city" and "temperature".', "structured"),
    ("Convert the table below to CSV with a header row.", "structured"),
    (
        "Parse this invoice into the following schema: {number: string, total: float, due: date}",
        "structured",
    ),
    ("Turn these meeting notes into YAML with fields date, attendees and actions.", "structured"),
    ("Fill in this XML template with the values from the text.", "structured"),
    ("List the product, price and quantity as a markdown table.", "structured"),
    ("Classify each of the following messages as spam or not spam:\n" + _ITEMS, "bulk"),
    ("Label the sentiment of every review below:\n" + _ROWS, "bulk"),
    ("For each of these 200 product titles, write a one-line description.", "bulk"),
    ("Translate all of the following strings into German, one per line:\n" + _ITEMS, "bulk"),
    ("Tag the following 500 support tickets by topic.", "bulk"),
)

DEVELOPMENT: tuple[tuple[str, str], ...] = (
    ("Prove that there are infinitely many primes.", "complex"),
    ("Prove by induction that the sum of the first n odd numbers is n^2.", "complex"),
    ("Give an epsilon-delta proof that f(x) = x^2 is continuous at 2.", "complex"),
    ("Compute the eigenvalues of the matrix [[2,1],[1,2]] and diagonalize it.", "complex"),
    ("Evaluate the integral of x^2 e^{-x} from 0 to infinity using integration by parts.", "complex"),
    ("Is the set of all subsets of N countable? Justify your answer.", "complex"),
    ("Suppose V is a vector space over a finite field. How many bases does V have?", "complex"),
    ("Derive the Schwarzschild metric from the vacuum Einstein field equations.", "complex"),
    ("Explain the role of gauge invariance in the renormalization of quantum electrodynamics.", "complex"),
    (
        "Why do SN1 reactions proceed with racemization, and how does solvent polarity affect the rate?",
        "complex",
    ),
    ("How does CRISPR-Cas9 off-target cleavage depend on mismatches in the seed region?", "complex"),
    (
        "A 54-year-old woman with type 2 diabetes on metformin has an eGFR of 28. Change the dose?",
        "complex",
    ),
    ("What are the contraindications of thrombolysis in acute ischemic stroke?", "complex"),
    ("Interpret these labs: sodium 118, serum osmolality 250, urine sodium 60. Next step?", "complex"),
    ("Review this non-compete clause for enforceability in New York and suggest amendments.", "complex"),
    ("Is a verbal agreement to sell land enforceable under the statute of frauds?", "complex"),
    (
        "Draft a data processing agreement that complies with GDPR Article 28 and covers sub-processors.",
        "complex",
    ),
    (
        "Our supplier missed the delivery date. Can we terminate the contract and claim damages for breach?",
        "complex",
    ),
    (
        "Design a globally distributed key-value store with tunable consistency. Discuss the trade-offs.",
        "complex",
    ),
    (
        "Debug this deadlock: two threads acquire the locks in opposite order while a third waits on a "
        "condition variable.",
        "complex",
    ),
    (
        "Architect an event-driven payment system that guarantees exactly-once processing across "
        "microservices.",
        "complex",
    ),
    ("What is the amortized complexity of union-find with path compression, and why?", "complex"),
    (
        "Implement a lock-free queue in C++ and explain which memory orderings are needed.\n"
        "```cpp\nstruct Node { std::atomic<Node*> next; };\n```",
        "complex",
    ),
    (
        "Hey, quick question, just one word: is P equal to NP, and what would a proof have to avoid?",
        "complex",
    ),
    (
        "Critique the methodology of this randomized trial and discuss threats to internal validity.",
        "complex",
    ),
    ("Analyze the causes of the 1997 Asian financial crisis using the Mundell-Fleming model.", "complex"),
    ("What is the capital of France?", "standard"),
    ("Hi, how are you?", "standard"),
    ("good morning", "standard"),
    ("ok thank you", "standard"),
    ("When was Mozart born?", "standard"),
    ("Are penguins birds?", "standard"),
    ("How many ounces are in a pound?", "standard"),
    ("Define the word 'ephemeral'.", "standard"),
    ("Translate to French: where is the train station?", "standard"),
    ("Rephrase: I can't make it to the party tonight.", "standard"),
    ("Make this sentence shorter: We would like to inform you that the shop is closed.", "standard"),
    ("Write a polite email asking my boss for Friday off.", "standard"),
    ("Write a haiku about autumn.", "standard"),
    ("Suggest a good pasta recipe for dinner.", "standard"),
    ("Tell me a joke about cats.", "standard"),
    ("What should I wear to a summer wedding?", "standard"),
    ("Spell the word necessary.", "standard"),
    ("Summarize: The shop opens at nine and closes at five, except on Sundays.", "standard"),
    ("What does the word contract mean?", "standard"),
    ("Can you recommend a movie for tonight?", "standard"),
    ("Extract all dates from the text and return them as a JSON array.", "structured"),
    ("Return a JSON object with name, age and address.", "structured"),
    ("Output the result as CSV: id, name, price.", "structured"),
    ("Convert this XML to JSON.", "structured"),
    ('Fill this schema from the email: {"sender": "", "subject": "", "amount": 0}', "structured"),
    ("Extract the entities and their types, in YAML format.", "structured"),
    ("Format the following as a table with columns date, item and cost.", "structured"),
    ("Classify each of the following comments as positive or negative:\n" + _ROWS, "bulk"),
    ("Translate each line below to Italian:\n" + _ITEMS, "bulk"),
    ("Here are 300 job titles. For each one, give the department.", "bulk"),
    ("Generate alt text for all 120 images in the list.", "bulk"),
    ("Categorize the following 80 expenses.", "bulk"),
)
