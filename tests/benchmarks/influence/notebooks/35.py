# %%
import pandas as pd, numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer, CountVectorizer
from sklearn.naive_bayes import MultinomialNB
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_score, train_test_split
from sklearn.pipeline import Pipeline, FeatureUnion
from sklearn.preprocessing import FunctionTransformer, LabelEncoder
from sklearn.metrics import confusion_matrix, classification_report
from sklearn.decomposition import TruncatedSVD
# %%
visits = pd.read_csv("visits.csv")
visits["text"] = visits["note"].fillna("empty") + " stay" + (visits["los"].fillna(0) // 5).astype(int).astype(str)
le = LabelEncoder()
visits["y"] = le.fit_transform(visits["ward"].fillna("er"))
# %%
train, test = train_test_split(visits, test_size=0.25, random_state=7)
pipe = Pipeline([
    ("features", FeatureUnion([
        ("word", CountVectorizer(ngram_range=(1, 2))),
        ("char", TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 3), max_features=50)),
    ])),
    ("nb", MultinomialNB(alpha=.5)),
])
pipe.fit(train["text"], train["y"])
proba = pipe.predict_proba(test["text"])
pred = pd.DataFrame(proba, columns=[f"p_{le.classes_[c]}" for c in pipe.classes_], index=test.index)
pred.insert(0, "vid", test["vid"])
pred["ward"] = test["ward"]
pred["guess"] = le.inverse_transform(pipe.predict(test["text"]))
pred["hit"] = pred["ward"] == pred["guess"]
pred.sort_index().to_csv("out/predictions.csv", index=False)
# %%
labels = list(range(len(le.classes_)))
cm = pd.DataFrame(confusion_matrix(test["y"], pipe.predict(test["text"]), labels=labels), index=le.classes_, columns=le.classes_)
cm.rename_axis("true").reset_index().to_csv("out/confusion.csv", index=False)
rep = classification_report(test["y"], pipe.predict(test["text"]), labels=labels, target_names=le.classes_, output_dict=True, zero_division=0)
pd.DataFrame(rep).T.reset_index(names="label").to_csv("out/report.csv", index=False)
# %%
X = TfidfVectorizer(min_df=2).fit(visits["text"])
M = X.transform(visits["text"])
svd = TruncatedSVD(2, random_state=0)
emb = svd.fit_transform(M)
visits[["e1", "e2"]] = np.round(emb, 6)
words = pd.DataFrame({"word": X.get_feature_names_out(), "idf": X.idf_, "w1": svd.components_[0].round(6), "cost": np.asarray(M.T @ visits["cost"].fillna(0).to_numpy()).ravel()})
words.sort_values("word").to_parquet("out/words.parquet", index=False)
# %%
centre = visits.groupby("ward")[["e1", "e2"]].transform("mean")
visits["dist"] = np.hypot(visits["e1"] - centre["e1"], visits["e2"] - centre["e2"]).round(5)
visits[["vid", "e1", "dist"]].to_csv("out/embedding.csv", index=False)
cv = StratifiedKFold(3, shuffle=True, random_state=5)
scores = {}
for name, clf in [("nb", MultinomialNB()), ("sgd", SGDClassifier(random_state=0, max_iter=200, tol=None))]:
    scores[name] = cross_val_score(clf, M, visits["y"], cv=cv)
pd.DataFrame(scores).assign(fold=range(3), diff=lambda d: d["sgd"] - d["nb"]).to_json("out/cv.json", orient="records")
