import pytest
from pathlib import Path
from tasks.finetune.train import write_model
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("m",["bag","cnn","mean","bilstm"])
def test_c(m,dataset,aligned,small,tmp_path):
    (tmp_path/"o").mkdir(); (tmp_path/"s").mkdir()
    print(write_model(small(model=m,compile=True,epochs=2),dataset,aligned,tmp_path/"o",tmp_path/"s")["views"])
