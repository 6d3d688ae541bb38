"""Behaviour tests for reviews of films in English. The templates give the truth.

The words are frequent ones of IMDb's reviews, so that most networks know them. Tokens may end at white space alone, as
in the lecture, so the words that stand before a full stop or a comma are frequent there too.
"""

from sentiment.probing.suite import Suite

_MEN = (
    "Robert", "David", "John", "Michael", "James", "Tom", "Peter", "Paul", "George", "Richard", "Jack", "Joe", "Mark",
    "Mike", "Tony", "Steve", "Charlie", "Harry", "Henry", "Frank", "Eric", "Kevin", "Martin", "William", "Daniel",
)  # fmt: skip
_WOMEN = (
    "Mary", "Anna", "Sarah", "Kate", "Jane", "Julia", "Lisa", "Susan", "Maria", "Alice", "Emily", "Jennifer", "Laura",
    "Linda",
)  # fmt: skip

SUITE = Suite(
    name="film reviews",
    words={
        "aspect": (
            "acting", "story", "script", "plot", "music", "dialogue", "direction", "ending", "cinematography", "cast",
            "photography", "soundtrack", "camera work", "editing",
        ),
        "intensifier": ("very", "really", "extremely", "so", "quite"),
        "fact": (
            "I saw it at home with my family last night.",
            "We watched it on TV a few years ago.",
            "The film is about two hours long.",
            "It was made in the same year as the book.",
            "The story takes place in a house in a small town.",
            "It is based on a book that I read in school.",
            "The main character works in a school.",
            "It follows a family in the years after the war.",
            "My brother has the DVD and we watched it together.",
            "The director also made a film about a boy and his family.",
            "Most of it takes place at night.",
            "There are six people in the house.",
            "I watched it in a theater with about twenty other people.",
            "The first part takes place in a city and the second part in a small town.",
        ),
        "plain": (
            "The {aspect} was {opinion}.",
            "This is a {opinion} movie.",
            "I {felt} this movie.",
            "This is one of the {extreme} movies I have ever seen.",
            "The {aspect} was {opinion} and the {aspect} was {opinion}.",
            "I thought that the {aspect} was {opinion} and I {felt} this film.",
        ),
    },
    opinions={
        "opinion": (
            ("bad", "terrible", "awful", "horrible", "boring", "stupid", "poor", "lame", "disappointing", "ridiculous"),
            ("good", "great", "excellent", "wonderful", "amazing", "brilliant", "fantastic", "perfect", "superb",
             "beautiful"),
        ),
        # What can be more or less so, and the opposite of which is an opinion too: "not brilliant" could be good.
        "gradable": (
            ("bad", "boring", "stupid", "disappointing", "dull", "predictable"),
            ("good", "interesting", "funny", "entertaining", "enjoyable", "believable"),
        ),
        "felt": (("hated", "disliked"), ("loved", "enjoyed", "liked")),
        "extreme": (("worst", "dumbest", "dullest"), ("best", "greatest", "finest")),
    },
    swaps={
        "swapped_name": (_MEN, _WOMEN),
        "swapped_place": (
            ("London", "Paris", "America", "England", "France", "Germany", "Italy", "Japan", "China", "India", "Mexico",
             "Hollywood", "Texas", "California", "Europe", "Africa", "Vietnam"),
        ),
        "swapped_relative": (
            ("brother", "sister"), ("father", "mother"), ("son", "daughter"), ("husband", "wife"),
            ("boyfriend", "girlfriend"),
        ),
        "swapped_person": (("man", "woman"), ("boy", "girl"), ("guy", "lady"), ("king", "queen"), ("actor", "actress")),
        "swapped_pronoun": (("he", "she"),),
        "swapped_nationality": (
            ("American", "British", "French", "German", "Italian", "Japanese", "Chinese", "Indian", "Russian",
             "Spanish", "Canadian", "Australian", "Swedish", "Mexican", "Korean", "Irish"),
        ),
        "added_intensifier": (("very", "really", "extremely", "incredibly", "so"),),
    },
    templates={
        "vocabulary": ("{plain}", "{fact} {plain}"),
        "negation": (
            "The {aspect} was not {other_gradable}.",
            "The {aspect} was never {other_gradable} and the {aspect} was {opinion}.",
            "This is not a {other_gradable} movie.",
            "{fact} The {aspect} was not {other_gradable} at all.",
            "{fact} I do not think that the {aspect} was {other_gradable}.",
            "{fact} There is nothing {other_gradable} about this movie.",
        ),
        "double_negation": (
            "It is not true that the {aspect} was not {gradable}.",
            "I do not agree that this is not a {gradable} movie.",
            "{fact} You can not say that the {aspect} was not {gradable}.",
            "{fact} I do not know why people say that it was not {gradable}.",
        ),
        "contrast": (
            "The {aspect} was {other_opinion}, but overall this is a {opinion} movie.",
            "The {aspect} was {other_gradable} and the {aspect} was {other_gradable}, but I still {felt} this movie.",
            "Although the {aspect} was {other_opinion}, this is a {opinion} movie and I {felt} it.",
            "{fact} This is a {opinion} film, even though the {aspect} was {other_opinion}.",
        ),
        "asides": (
            "I expected a {other_opinion} movie, but it was {opinion}.",
            "My friends told me that it was {other_opinion}, but it was {opinion}.",
            "{fact} Some people say that it is {other_opinion}. I think it is {opinion}.",
            "{fact} When I was young I thought it was {other_opinion}. Now I think it is {opinion}.",
            "I {felt} this movie, even though some people say that it is {other_opinion}.",
        ),
        "intensifiers": (
            "The {aspect} was {added_intensifier} {gradable}.",
            "I thought that the {aspect} was {added_intensifier} {gradable}.",
            "{fact} The {aspect} was {added_intensifier} {gradable} and I {felt} this film.",
        ),
        "names": (
            "I watched it with my friend {swapped_name} last night. {plain}",
            "My friend {swapped_name} has the DVD. {plain}",
            "{plain} The main character is called {swapped_name} and works in a school.",
        ),
        "places": (
            "The story takes place in {swapped_place} in the years after the war. {plain}",
            "It was made in {swapped_place} a few years ago. {plain}",
            "{plain} The first part takes place in {swapped_place} and the second part in a small town.",
        ),
        "gender": (
            "I saw it with my {swapped_relative} last night. {plain}",
            "The story is about a young {swapped_person} in a small town. {plain}",
            "{plain} The director said that {swapped_pronoun} made it in two years.",
        ),
        "nationality": (
            "The {swapped_nationality} director also made a film about a boy and his family. {plain}",
            "The story is about two {swapped_nationality} brothers in a small town. {plain}",
            "{plain} It follows a young {swapped_nationality} family in the years after the war.",
        ),
        "punctuation": ("{plain}", "{fact} {plain}"),
        "typos": ("{fact} {plain}", "{plain} {fact}"),
        "filler": ("{plain}",),
        "length": ("{plain}",),
    },
    endings=("", "!"),
    inapplicable={
        "order": "the last opinion of a review need not be the one that counts",
        "aspects": "an opinion of the acting may count for more than one of the music",
    },
)  # fmt: skip
